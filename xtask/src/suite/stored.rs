//! Stored evidence of a run, packed, so that the judges can be tried on it without a service.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{prover, root};

/// What is kept of a run: nothing that follows from the observations.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stored {
    /// The fingerprint of the experiment's sources.
    pub(super) sources: String,
    /// The run; or the service alone, and then through the edge. File names and contents.
    runs: Vec<BTreeMap<String, String>>,
}

/// Where a run's evidence stands.
fn path(key: &str) -> PathBuf {
    root().join("evidence").join(format!("{}.json.gz", key.replace(':', ".")))
}

/// What is stored under a key, if anything that can be read.
pub(super) fn read(key: &str) -> Option<Stored> {
    let mut text = String::new();
    GzDecoder::new(File::open(path(key)).ok()?).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Keeps the runs that a proof left in its folder.
pub(super) fn keep(key: &str, sources: String, out: &Path) -> Result<(), String> {
    let failed = |path: &Path, error: std::io::Error| format!("{}: {error}", path.display());
    let folder = out.join("runs");
    let mut runs = Vec::new();
    for run in fs::read_dir(&folder).map_err(|error| failed(&folder, error))?.flatten() {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(run.path()).map_err(|error| failed(&folder, error))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_evidence = name.ends_with(".ndjson") && name != "events.ndjson";
            if is_evidence || name == "run.json" {
                let text = fs::read_to_string(entry.path());
                files.insert(name, text.map_err(|error| failed(&entry.path(), error))?);
            }
        }
        runs.push(files);
    }
    // The service alone comes first.
    runs.sort_by_key(is_supplied);
    let text =
        serde_json::to_string(&Stored { sources, runs }).map_err(|error| error.to_string())?;
    let path = path(key);
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        let mut packer = GzEncoder::new(File::create(&path)?, Compression::best());
        packer.write_all(text.as_bytes())?;
        packer.finish()?.flush()
    };
    write().map_err(|error| failed(&path, error))
}

fn is_supplied(run: &BTreeMap<String, String>) -> bool {
    let run = run.get("run.json").and_then(|text| serde_json::from_str::<Value>(text).ok());
    run.is_some_and(|run| !run["supplied"].is_null())
}

impl Stored {
    /// The scorecard that the judges of today make of it.
    pub(super) fn judged(&self) -> Result<Value, String> {
        let cards = self.runs.iter().map(judged).collect::<Result<Vec<_>, _>>()?;
        let [alone @ .., last] = cards.as_slice() else {
            return Err("nothing is stored".to_owned());
        };
        let mut card = last.clone();
        for row in card["controls"].as_array_mut().into_iter().flatten() {
            let before = alone.iter().flat_map(|card| card["controls"].as_array()).flatten();
            let before = before.clone().find(|other| other["id"] == row["id"]);
            if let Some(before) = before {
                row["without_edge"] = before["verdict"].clone();
            }
        }
        Ok(card)
    }
}

fn judged(files: &BTreeMap<String, String>) -> Result<Value, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    for (name, text) in files {
        fs::write(folder.path().join(name), text).map_err(|error| error.to_string())?;
    }
    prover::judge(folder.path())
}
