//! A folder as it was, so that a run can be held to changing nothing.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names, sizes, times and contents of a folder's files, without `.seaworthy`.
#[derive(Debug)]
pub(crate) struct Snapshot {
    folder: PathBuf,
    files: BTreeMap<PathBuf, Seen>,
}

/// Size, time of change, and a hash of the content.
type Seen = (u64, Option<SystemTime>, u64);

impl Snapshot {
    pub(crate) fn take(folder: &Path) -> Result<Self, String> {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let wrong = |error: std::io::Error| format!("{}: {error}", folder.display());
            for entry in fs::read_dir(&folder).map_err(wrong)?.flatten() {
                let meta = entry.metadata().map_err(wrong)?;
                if meta.is_dir() && entry.file_name() != ".seaworthy" {
                    folders.push(entry.path());
                } else if meta.is_file() {
                    let mut hasher = DefaultHasher::new();
                    fs::read(entry.path()).map_err(wrong)?.hash(&mut hasher);
                    let seen = (meta.len(), meta.modified().ok(), hasher.finish());
                    files.insert(entry.path(), seen);
                }
            }
        }
        Ok(Self { folder: folder.to_owned(), files })
    }

    /// What is wrong when anything is no longer as it was.
    pub(crate) fn changed(&self) -> Result<Option<String>, String> {
        let after = Self::take(&self.folder)?.files;
        let changed = after.iter().find(|(path, seen)| self.files.get(*path) != Some(*seen));
        let gone = self.files.keys().find(|path| !after.contains_key(*path));
        let path = changed.map(|(path, _)| path).or(gone);
        Ok(path.map(|path| format!("{} was changed by the run", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_a_changed_and_a_lost_file_are_seen_and_evidence_is_not() {
        let folder =
            std::env::temp_dir().join(format!("seaworthy-snapshot-{}", std::process::id()));
        fs::create_dir_all(folder.join(".seaworthy")).expect("made");
        fs::write(folder.join("a"), "1").expect("written");
        let before = Snapshot::take(&folder).expect("it is there");
        fs::write(folder.join(".seaworthy/run"), "x").expect("written");
        assert_eq!(before.changed(), Ok(None));
        fs::write(folder.join("b"), "x").expect("written");
        assert!(before.changed().is_ok_and(|wrong| wrong.is_some_and(|text| text.contains("/b "))));
        fs::remove_file(folder.join("b")).expect("removed");
        fs::remove_file(folder.join("a")).expect("removed");
        assert!(before.changed().is_ok_and(|wrong| wrong.is_some_and(|text| text.contains("/a "))));
        fs::remove_dir_all(&folder).expect("removed");
    }
}
