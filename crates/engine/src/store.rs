//! Runs on disk: what was seen, before anything is concluded from it.
//!
//! `.seaworthy/runs/RUN/` holds `run.json` (the masked manifest and what the evidence is bound to),
//! one `CONTROL.ndjson` for each experiment, and `scorecard.json`.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use model::scorecard::Binding;
use model::{Note, Observation, Scorecard};
use redact::Redactor;
use serde::{Deserialize, Serialize};
use settings::Manifest;

/// One run's folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// The format of stored runs that this version writes and reads. 1 had no number and told facts in
/// words.
pub const FORMAT: u32 = 2;

/// What a judgement needs beside the observations.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunFile {
    pub format: u32,
    pub binding: Binding,
    pub manifest: Manifest,
    /// How long each experiment took, in seconds.
    pub seconds: Vec<(String, f64)>,
    /// How long the run took beside its experiments, in seconds.
    #[serde(default)]
    pub around: f64,
    /// Whether only a part of the controls was asked for.
    pub is_part: bool,
    /// How the manifest was named on the command line.
    pub asked: String,
    /// What an edge supplied, where one stood before the service.
    #[serde(default)]
    pub supplied: Option<Vec<String>>,
    /// What happened beside the experiments.
    #[serde(default)]
    pub notes: Vec<Note>,
}

/// Why a stored run cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no run {name} in {}; runs there: {known}", folder.display())]
    NoRun { name: String, folder: PathBuf, known: String },
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} line {line} is not what seaworthy {} writes: {why}", path.display(), env!("CARGO_PKG_VERSION"))]
    Content { path: PathBuf, line: usize, why: String },
    #[error(
        "{} was stored in format {found}, expected {FORMAT}: {}", path.display(),
        if *found < FORMAT { "it is of an older seaworthy; prove again" }
        else { "it is of a newer seaworthy; judge it with that one" }
    )]
    Format { path: PathBuf, found: u32 },
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File { action, path, source }
}

/// Makes the folder in which runs are stored, and keeps it out of git.
///
/// # Errors
/// When it cannot be written; the message names it.
pub fn prepare(out: &Path) -> Result<(), StoreError> {
    let runs = out.join("runs");
    fs::create_dir_all(&runs).map_err(file("make", &runs))?;
    let ignore = out.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, "*\n").map_err(file("write", &ignore))?;
    }
    Ok(())
}

impl Store {
    /// A new run below `out`, which [`prepare`] has made.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn begin(out: &Path, run: &str) -> Result<Self, StoreError> {
        let folder = out.join("runs").join(run);
        fs::create_dir_all(&folder).map_err(file("make", &folder))?;
        Ok(Self { folder })
    }

    /// A stored run: its folder, its id, or `last`.
    ///
    /// # Errors
    /// When there is none of that name; the message names those that there are.
    pub fn open(out: &Path, name: &str) -> Result<Self, StoreError> {
        let as_path = Path::new(name);
        if as_path.join("run.json").is_file() {
            return Ok(Self { folder: as_path.to_owned() });
        }
        let folder = out.join("runs");
        let mut known: Vec<String> = fs::read_dir(&folder)
            .map(|entries| {
                let complete = entries.flatten().filter(|e| e.path().join("run.json").is_file());
                complete.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
            })
            .unwrap_or_default();
        known.sort();
        let found = match name {
            "last" => known.last().cloned(),
            id => known.iter().find(|known| *known == id).cloned(),
        };
        found.map(|id| Self { folder: folder.join(id) }).ok_or_else(|| StoreError::NoRun {
            name: name.to_owned(),
            folder,
            known: if known.is_empty() {
                "none".to_owned()
            } else {
                known.iter().rev().take(5).cloned().collect::<Vec<_>>().join(", ")
            },
        })
    }

    /// The last runs below `out` that were finished, the newest first.
    pub fn recent(out: &Path, most: usize) -> Vec<Self> {
        let entries = fs::read_dir(out.join("runs")).into_iter().flatten().flatten();
        let mut folders: Vec<_> = entries.map(|entry| entry.path()).collect();
        folders.retain(|folder| folder.join("run.json").is_file());
        folders.sort();
        folders.into_iter().rev().take(most).map(|folder| Self { folder }).collect()
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file for the run's events.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn events_file(&self) -> Result<File, StoreError> {
        let path = self.folder.join("events.ndjson");
        File::create(&path).map_err(file("write", &path))
    }

    /// The file for one experiment's observations.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn observations_file(&self, control: &str) -> Result<File, StoreError> {
        let path = self.folder.join(format!("{control}.ndjson"));
        File::create(&path).map_err(file("write", &path))
    }

    /// The observations of one experiment, or none when it was not tried.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn observations(&self, control: &str) -> Result<Option<Vec<Observation>>, StoreError> {
        let path = self.folder.join(format!("{control}.ndjson"));
        let opened = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(file("read", &path))?,
        };
        let mut all = Vec::new();
        for (at, line) in BufReader::new(opened).lines().enumerate() {
            let line = line.map_err(file("read", &path))?;
            let wrong = |why: serde_json::Error| StoreError::Content {
                path: path.clone(),
                line: at + 1,
                why: why.to_string(),
            };
            all.push(serde_json::from_str(&line).map_err(wrong)?);
        }
        all.sort_by_key(|observation: &Observation| observation.at);
        Ok(Some(all))
    }

    /// Writes what a later judgement needs, masked.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_run(&self, run: &RunFile, redactor: &Redactor) -> Result<(), StoreError> {
        self.write("run.json", run, redactor)
    }

    /// # Errors
    /// When it cannot be read.
    pub fn read_run(&self) -> Result<RunFile, StoreError> {
        let path = self.folder.join("run.json");
        let text = fs::read_to_string(&path).map_err(file("read", &path))?;
        let wrong = |why: serde_json::Error| StoreError::Content {
            path: path.clone(),
            line: why.line(),
            why: why.to_string(),
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(wrong)?;
        let found = value["format"].as_u64().and_then(|found| u32::try_from(found).ok());
        match found.unwrap_or(1) {
            FORMAT => serde_json::from_value(value).map_err(wrong),
            found => Err(StoreError::Format { path, found }),
        }
    }

    /// # Errors
    /// When it cannot be written.
    pub fn write_scorecard(&self, card: &Scorecard, redactor: &Redactor) -> Result<(), StoreError> {
        self.write("scorecard.json", card, redactor)
    }

    fn write(
        &self,
        name: &str,
        what: &impl Serialize,
        redactor: &Redactor,
    ) -> Result<(), StoreError> {
        let path = self.folder.join(name);
        let mut value = serde_json::to_value(what).unwrap_or_default();
        redactor.mask_json(&mut value);
        let text = serde_json::to_string_pretty(&value).unwrap_or_default();
        fs::write(&path, text + "\n").map_err(file("write", &path))
    }
}
