//! The layer of earlier builds, before it is used again: what the user has changed since then must
//! show through.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Beside the layer: the files of the repository that the build has copied up.
const COPIED: &str = "copied";

/// Removes what would hide something newer, and what stands for something that is gone.
pub(super) fn refresh(layer: &Path, repository: &Path) -> io::Result<()> {
    if !layer.exists() {
        return Ok(());
    }
    let list = fs::read_to_string(list_of(layer)).unwrap_or_default();
    for file in list.lines().filter(|file| repository.join(file).symlink_metadata().is_err()) {
        let _ = fs::remove_file(layer.join(file));
    }
    drop_older(layer, repository)
}

fn drop_older(layer: &Path, repository: &Path) -> io::Result<()> {
    for entry in fs::read_dir(layer)? {
        let entry = entry?;
        let (path, below) = (entry.path(), repository.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            drop_older(&path, &below)?;
        } else if kind.is_char_device() {
            // It stands for a file that the build removed; it will do so again.
            fs::remove_file(path)?;
        } else if let Ok(below) = below.symlink_metadata()
            && below.modified()? > entry.metadata()?.modified()?
        {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Notes which files of the repository the layer holds changed copies of.
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
        } else if repository.join(&inner).symlink_metadata().is_ok() {
            copied.push(inner.to_string_lossy().into_owned());
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
    use std::time::{Duration, SystemTime};

    fn write(path: &Path, age: u64) {
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, "x").expect("written");
        let then = SystemTime::now() - Duration::from_secs(age);
        fs::File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(then))
            .expect("its time can be set");
    }

    #[test]
    fn what_the_user_changed_shows_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let (layer, repository) = (folder.path().join("layer"), folder.path().join("repository"));
        write(&repository.join("src/a.js"), 10);
        write(&layer.join("src/a.js"), 60);
        write(&repository.join("src/b.js"), 60);
        write(&layer.join("src/b.js"), 10);
        write(&layer.join("dist/app.js"), 60);
        remember(&layer, &repository).expect("noted");
        refresh(&layer, &repository).expect("refreshed");
        assert!(!layer.join("src/a.js").exists(), "the user's is newer");
        assert!(layer.join("src/b.js").exists(), "the build's is newer");
        assert!(layer.join("dist/app.js").exists(), "it was built");

        fs::remove_file(repository.join("src/b.js")).expect("removed");
        refresh(&layer, &repository).expect("refreshed");
        assert!(!layer.join("src/b.js").exists(), "the user removed it");
        assert!(layer.join("dist/app.js").exists());
    }
}
