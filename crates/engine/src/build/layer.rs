//! The layer of earlier builds, before it is used again: what the user has changed since then must
//! show through.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Beside the layer: the files of the repository that the build has copied up.
const COPIED: &str = "copied";

/// Removes what would hide something that the user has changed since, and what stands for something
/// that is gone.
pub(super) fn refresh(layer: &Path, repository: &Path) -> io::Result<()> {
    if !layer.exists() {
        return Ok(());
    }
    let list = fs::read_to_string(list_of(layer)).unwrap_or_default();
    let known = list.lines().filter_map(|line| line.split_once('\t'));
    let known: BTreeMap<&str, &str> = known.map(|(print, file)| (file, print)).collect();
    for (file, print) in &known {
        if fingerprint(&repository.join(file)).as_deref() != Some(*print) {
            let _ = fs::remove_file(layer.join(file));
        }
    }
    drop_unknown(layer, repository, Path::new(""), &known)
}

/// Removes what covers a file of the repository without having been made from it.
fn drop_unknown(
    layer: &Path,
    repository: &Path,
    inner: &Path,
    known: &BTreeMap<&str, &str>,
) -> io::Result<()> {
    for entry in fs::read_dir(layer.join(inner))? {
        let entry = entry?;
        let (path, inner) = (entry.path(), inner.join(entry.file_name()));
        let below = repository.join(&inner).symlink_metadata();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            match below {
                Ok(below) if !below.is_dir() => fs::remove_dir_all(path)?,
                _ => drop_unknown(layer, repository, &inner, known)?,
            }
        } else if kind.is_char_device() {
            // It stands for a file that the build removed; it will do so again.
            fs::remove_file(path)?;
        } else if below.is_ok() && !known.contains_key(inner.to_string_lossy().as_ref()) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// What tells one state of a file from another: size, both times and the inode.
fn fingerprint(path: &Path) -> Option<String> {
    let meta = path.symlink_metadata().ok()?;
    let (modified, changed) =
        ((meta.mtime(), meta.mtime_nsec()), (meta.ctime(), meta.ctime_nsec()));
    Some(format!("{} {modified:?} {changed:?} {}", meta.len(), meta.ino()))
}

/// Notes which files of the repository the layer holds changed copies of, and what they were.
pub(super) fn remember(layer: &Path, repository: &Path) -> io::Result<()> {
    let mut copied = Vec::new();
    collect(layer, repository, Path::new(""), &mut copied)?;
    fs::write(list_of(layer), copied.join("\n"))
}

fn collect(
    layer: &Path,
    repository: &Path,
    inner: &Path,
    copied: &mut Vec<String>,
) -> io::Result<()> {
    for entry in fs::read_dir(layer.join(inner))? {
        let entry = entry?;
        let inner = inner.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(layer, repository, &inner, copied)?;
        } else if let Some(print) = fingerprint(&repository.join(&inner)) {
            copied.push(format!("{print}\t{}", inner.to_string_lossy()));
        }
    }
    Ok(())
}

fn list_of(layer: &Path) -> PathBuf {
    layer.with_file_name(COPIED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, text).expect("written");
    }

    #[test]
    fn what_the_user_changed_shows_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let (layer, repository) = (folder.path().join("layer"), folder.path().join("repository"));
        for file in ["src/a.js", "src/b.js", "src/c.js", "conf"] {
            write(&repository.join(file), "the user's");
        }
        for file in ["src/a.js", "src/b.js", "src/c.js", "dist/app.js"] {
            write(&layer.join(file), "the build's");
        }
        remember(&layer, &repository).expect("noted");
        refresh(&layer, &repository).expect("refreshed");
        assert!(layer.join("src/b.js").exists(), "nothing has changed");

        // An older file takes the place of one: its time says nothing.
        write(&repository.join("older"), "the user's");
        let then = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        let file = fs::File::options().write(true).open(repository.join("older")).expect("opened");
        file.set_modified(then).expect("its time can be set");
        fs::rename(repository.join("older"), repository.join("src/a.js")).expect("renamed");
        fs::remove_file(repository.join("src/b.js")).expect("removed");
        write(&repository.join("new.js"), "the user's");
        write(&layer.join("new.js"), "the build's");
        write(&layer.join("conf/old"), "of a folder that is a file now");
        refresh(&layer, &repository).expect("refreshed");
        for gone in ["src/a.js", "src/b.js", "new.js", "conf"] {
            assert!(layer.join(gone).symlink_metadata().is_err(), "{gone}");
        }
        for kept in ["src/c.js", "dist/app.js"] {
            assert!(layer.join(kept).exists(), "{kept}");
        }
    }
}
