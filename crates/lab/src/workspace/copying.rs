//! Copies of a repository, where it cannot be had as a view. `std::fs::copy` shares blocks where
//! the file system can.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::SystemTime;

/// What installs dependencies or builds fills, and what only reads it afterwards: large, and linked
/// rather than copied.
const LINKED: &[&str] = &["node_modules", "target", "venv", ".venv", "vendor"];
/// What no service needs.
const LEFT_OUT: &[&str] = &[".git", ".seaworthy"];

/// Copies a folder; what is linked in it stays linked.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    each(from, to, &mut |from, to| fs::copy(from, to).map(drop), true)
}

/// Makes `to` the same as `from`, copying only what changed since the last time, and keeps what a
/// build has added.
///
/// # Errors
/// When something cannot be read or written.
pub fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    let mut copy = |from: &Path, to: &Path| {
        let modified =
            |path: &Path| -> Option<SystemTime> { path.metadata().ok()?.modified().ok() };
        let same_size =
            to.metadata().ok().map(|to| to.len()) == from.metadata().ok().map(|f| f.len());
        if same_size && modified(to) >= modified(from) {
            return Ok(());
        }
        fs::copy(from, to).map(drop)
    };
    each(from, to, &mut copy, false)
}

fn each(
    from: &Path,
    to: &Path,
    copy: &mut impl FnMut(&Path, &Path) -> io::Result<()>,
    links: bool,
) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        if kind.is_symlink() {
            let there = fs::read_link(entry.path())?;
            if fs::read_link(&target).ok().as_ref() != Some(&there) {
                let _ = fs::remove_file(&target);
                symlink(there, target)?;
            }
        } else if kind.is_dir() && links && LINKED.iter().any(|linked| name == *linked) {
            symlink(entry.path().canonicalize()?, target)?;
        } else if kind.is_dir() {
            each(&entry.path(), &target, copy, links)?;
        } else if kind.is_file() {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}
