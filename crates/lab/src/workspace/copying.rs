//! Copies of a repository, where it cannot be had as a view. `std::fs::copy` shares blocks where
//! the file system can.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What installs dependencies or builds fills, and what only reads it afterwards: large, and linked
/// rather than copied.
const LINKED: &[&str] = &["node_modules", "target", "venv", ".venv", "vendor"];
/// What no service needs.
const LEFT_OUT: &[&str] = &[".git", ".seaworthy"];

/// Copies a folder; what is linked in it stays linked.
///
/// # Errors
/// When something cannot be read or written; the message names it.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    each(from, to, &mut |from, to| fresh(from, to), true, &mut Vec::new())
}

/// Makes `to` the same as `from`, copying only what changed since the last time, and keeps what a
/// build has added. `list` remembers what was there, so that what the user removed goes too.
///
/// # Errors
/// When something cannot be read or written; the message names it.
pub fn mirror(from: &Path, to: &Path, list: &Path) -> io::Result<()> {
    let before = fs::read_to_string(list).unwrap_or_default();
    let mut copy = |from: &Path, to: &Path| {
        let seen = |path: &Path| -> Option<(u64, SystemTime)> {
            let meta = path.symlink_metadata().ok().filter(fs::Metadata::is_file)?;
            Some((meta.len(), meta.modified().ok()?))
        };
        match (seen(from), seen(to)) {
            (Some((size, time)), Some((known, copied))) if size == known && copied >= time => {
                Ok(())
            }
            _ => fresh(from, to),
        }
    };
    let mut now = Vec::new();
    each(from, to, &mut copy, false, &mut now)?;
    let gone = before.lines().filter(|path| from.join(path).symlink_metadata().is_err());
    for path in gone {
        let _ = fs::remove_file(to.join(path));
    }
    let now: Vec<_> = now.iter().filter_map(|path| path.strip_prefix(from).ok()).collect();
    let now: Vec<_> = now.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    fs::write(list, now.join("\n"))
}

/// A copy that writes through nothing: whatever stood there is removed first.
fn fresh(from: &Path, to: &Path) -> io::Result<()> {
    if to.symlink_metadata().is_ok() {
        fs::remove_file(to)?;
    }
    fs::copy(from, to).map(drop)
}

fn each(
    from: &Path,
    to: &Path,
    copy: &mut impl FnMut(&Path, &Path) -> io::Result<()>,
    links: bool,
    files: &mut Vec<PathBuf>,
) -> io::Result<()> {
    let named = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| io::Error::new(error.kind(), format!("{path}: {error}"))
    };
    if to.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) {
        fs::remove_file(to).map_err(named(to))?;
    }
    fs::create_dir_all(to).map_err(named(to))?;
    let base = process::records::base()?;
    for entry in fs::read_dir(from).map_err(named(from))? {
        let entry = entry?;
        let (name, path, target) = (entry.file_name(), entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        // The folder of all runs may lie in the repository, and so may this copy.
        if LEFT_OUT.iter().any(|left_out| name == *left_out) || path == base {
            continue;
        }
        if kind.is_symlink() {
            let there = fs::read_link(&path)?;
            if fs::read_link(&target).ok().as_ref() != Some(&there) {
                remove(&target).and_then(|()| symlink(there, &target)).map_err(named(&target))?;
            }
            files.push(path);
        } else if kind.is_dir() && links && LINKED.iter().any(|linked| name == *linked) {
            symlink(path.canonicalize()?, target)?;
        } else if kind.is_dir() {
            each(&path, &target, copy, links, files)?;
        } else if kind.is_file() {
            if target.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
                remove(&target).map_err(named(&target))?;
            }
            copy(&path, &target).map_err(named(&path))?;
            files.push(path);
        }
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}
