//! What a run has started, on disk, so that anyone can clean up after it: the keeper at once, the
//! next run after a power cut.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use crate::tree::{self, Family};

/// A run's folder and the list of what it started in it.
#[derive(Debug)]
pub struct Record {
    folder: PathBuf,
    file: Mutex<File>,
}

const FILE: &str = "record";
/// The folder beside those of the runs in which ports are leased; it belongs to all of them.
pub const PORTS: &str = "ports";
/// The same for builds that have no other place.
pub const BUILDS: &str = "builds";
/// The same for initialised data folders of databases, which are copied rather than made anew.
pub const TEMPLATES: &str = "templates";

/// The folder that holds the folders of all runs of this user.
///
/// # Errors
/// When it cannot be made, or belongs to someone else.
pub fn base() -> io::Result<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    // Mounts are compared by their real paths.
    let temporary = std::env::temp_dir();
    let temporary = temporary.canonicalize().unwrap_or(temporary);
    let base = temporary.join(format!("seaworthy-{uid}"));
    // Others may pass through (a database runs as its own user) but not list or write.
    match DirBuilder::new().mode(0o711).create(&base) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(&base)?;
    if !found.is_dir() || found.uid() != uid || found.mode() & 0o022 != 0 {
        let text = format!(
            "expected {} to be a folder that only you can write to; remove it or set TMPDIR",
            base.display()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    Ok(base)
}

fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

impl Record {
    /// Begins the record of the run with this id.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn begin(run: &str) -> io::Result<Self> {
        let folder = base()?.join(run);
        DirBuilder::new().mode(0o711).create(&folder)?;
        let file =
            OpenOptions::new().create_new(true).append(true).mode(0o600).open(folder.join(FILE))?;
        let record = Self { folder, file: Mutex::new(file) };
        let me = std::process::id();
        let started = tree::find(me).map_or(0, |entry| entry.started);
        record.line(&format!("boot {}", boot()))?;
        record.line(&format!("mark {run}/"))?;
        record.line(&format!("owner {me} {started}"))?;
        Ok(record)
    }

    /// The folder of this run: everything temporary goes below it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the list stands.
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Notes the main process of a tree.
    ///
    /// # Errors
    /// When the list cannot be written.
    pub fn process(&self, pid: u32) -> io::Result<()> {
        let started = tree::find(pid).map_or(0, |entry| entry.started);
        self.line(&format!("process {pid} {started}"))
    }

    fn line(&self, text: &str) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(format!("{text}\n").as_bytes())
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Listed {
    boot: String,
    mark: String,
    owner: Option<(u32, u64)>,
    processes: Vec<(u32, u64)>,
}

fn read(text: &str) -> Listed {
    let mut listed = Listed::default();
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let pair = || Some((words.get(1)?.parse().ok()?, words.get(2)?.parse().ok()?));
        match (words[0], words.get(1)) {
            ("boot", Some(id)) => listed.boot = (*id).to_owned(),
            ("mark", Some(mark)) => listed.mark = (*mark).to_owned(),
            ("owner", _) => listed.owner = pair(),
            ("process", _) => listed.processes.extend(pair()),
            _ => {}
        }
    }
    listed
}

fn lives((pid, started): (u32, u64)) -> bool {
    tree::find(pid).is_some_and(|entry| entry.started == started && !entry.zombie)
}

/// Ends everything that a record lists and removes its folder.
///
/// # Errors
/// When the folder cannot be removed.
pub fn clean(record: &Path) -> io::Result<()> {
    let listed = read(&fs::read_to_string(record)?);
    if listed.boot == boot() {
        let leaders = listed.processes.iter().filter(|process| lives(**process));
        let mut family =
            Family { leaders: leaders.map(|(pid, _)| *pid).collect(), mark: listed.mark };
        // Groups of leaders that died are still theirs while a member lives.
        family.leaders.extend(
            listed.processes.iter().filter(|p| tree::find(p.0).is_none()).map(|(pid, _)| *pid),
        );
        family.kill();
    }
    match record.parent() {
        Some(folder) => remove(folder),
        None => Ok(()),
    }
}

/// Removes a folder with everything in it, also folders that nobody may enter, such as overlayfs
/// leaves behind. A process that was just killed may still be writing its last file.
///
/// # Errors
/// When something cannot be removed.
pub fn remove(folder: &Path) -> io::Result<()> {
    let mut tries = 0;
    loop {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && tries < 50 => {
                open_up(folder);
                tries += 1;
            }
            Err(_) if tries < 50 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(10));
            }
            other => return other,
        }
    }
}

/// Lets the owner into every folder. What cannot be changed is told by whoever removes it.
fn open_up(folder: &Path) {
    let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            open_up(&entry.path());
        }
    }
}

/// Cleans up after runs whose owner is gone. Returns their ids.
///
/// # Errors
/// When the folder of all runs cannot be read.
pub fn sweep() -> io::Result<Vec<String>> {
    let mut swept = Vec::new();
    for entry in fs::read_dir(base()?)?.flatten() {
        let Ok(meta) = entry.metadata() else { continue };
        let name = entry.file_name();
        if !meta.is_dir() || [PORTS, BUILDS, TEMPLATES].iter().any(|shared| name == *shared) {
            continue;
        }
        let record = entry.path().join(FILE);
        let abandoned = match fs::read_to_string(&record) {
            Ok(text) => {
                let listed = read(&text);
                let living = listed.boot == boot() && listed.owner.is_some_and(lives);
                // A record without an owner is being written just now, or its writer was killed.
                !living && (listed.owner.is_some() || old(&meta))
            }
            Err(_) => old(&meta),
        };
        if !abandoned {
            continue;
        }
        let done = if record.exists() { clean(&record) } else { remove(&entry.path()) };
        if done.is_ok() {
            swept.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(swept)
}

fn old(meta: &fs::Metadata) -> bool {
    let age = meta.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
    age.is_some_and(|age| age > Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_back_and_broken_lines_are_passed_over() {
        let listed = read("boot b\nmark r/\nowner 4 5\nprocess 7 8\nprocess x\n\nprocess 9 1");
        assert_eq!(listed.owner, Some((4, 5)));
        assert_eq!(listed.processes, [(7, 8), (9, 1)]);
        assert_eq!(listed.mark, "r/");
    }
}
