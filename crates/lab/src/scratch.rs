//! The folder that a service starts in: links to everything in its own folder, except `.env`
//! files, which would re-supply what an experiment takes away.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::error::LabError;
use crate::log_file;

/// A scratch folder, and the originals that it leaves out.
#[derive(Debug, Clone)]
pub struct Scratch {
    pub path: PathBuf,
    pub shadowed: Vec<PathBuf>,
}

/// Folders in which no `.env` file of the service is looked for.
const FOREIGN: &[&str] =
    &["node_modules", ".git", "target", "venv", ".venv", "vendor", "dist", "build", "__pycache__"];
/// How deep `.env` files are looked for: monorepos keep them in `apps/NAME`.
const DEPTH: usize = 4;

/// Whether a file is one that dotenv libraries load.
fn is_env_file(name: &str) -> bool {
    let documentation = ["example", "sample", "template", "dist", "schema", "defaults"];
    match name.strip_prefix(".env") {
        Some("") => true,
        Some(rest) => rest.strip_prefix('.').is_some_and(|kind| !documentation.contains(&kind)),
        None => name == ".flaskenv" || name == ".envrc",
    }
}

impl Scratch {
    /// Fills the folder `at` with links into `folder`.
    ///
    /// # Errors
    /// When a folder cannot be read or a link not made.
    pub fn build(folder: &Path, at: &Path) -> Result<Self, LabError> {
        fs::create_dir_all(at).map_err(LabError::file("make", at))?;
        let mut shadowed = Vec::new();
        link(folder, at, DEPTH, &mut shadowed).map_err(LabError::file("link", folder))?;
        Ok(Self { path: at.to_owned(), shadowed })
    }

    /// A second folder with the same links and with everything that was written into this one.
    ///
    /// # Errors
    /// When something cannot be copied.
    pub fn copy(&self, at: &Path) -> Result<Self, LabError> {
        copy(&self.path, at).map_err(LabError::file("copy", &self.path))?;
        Ok(Self { path: at.to_owned(), shadowed: self.shadowed.clone() })
    }

    /// Writes a file, replacing a link but never what the link leads to.
    ///
    /// # Errors
    /// When the path leaves the folder or cannot be written.
    pub fn write(&self, name: &str, content: &str) -> Result<(), LabError> {
        let outside = Path::new(name)
            .components()
            .any(|part| !matches!(part, std::path::Component::Normal(_)));
        let path = self.path.join(name);
        if outside {
            let source =
                io::Error::new(io::ErrorKind::InvalidInput, "it leaves the scratch folder");
            return Err(LabError::File { action: "write", path, source });
        }
        self.write_inside(&path, content).map_err(LabError::file("write", path.clone()))
    }

    /// Makes what the service writes its own: links on the way to it, and at it, are replaced, so
    /// that nothing outside this folder is written to.
    ///
    /// # Errors
    /// When a link cannot be replaced.
    pub fn own(&self, name: &str) -> Result<(), LabError> {
        let parts: Vec<_> = Path::new(name).components().collect();
        if parts.iter().any(|part| !matches!(part, std::path::Component::Normal(_))) {
            return Ok(());
        }
        let mut path = self.path.clone();
        let folders = parts.len().saturating_sub(1);
        let links = parts.iter().take(folders).try_for_each(|part| {
            path.push(part);
            if path.is_symlink() { unlink_folder(&path) } else { Ok(()) }
        });
        let files = || {
            let files = log_file::matching(&self.path.join(name));
            files.iter().filter(|file| file.is_symlink()).try_for_each(fs::remove_file)
        };
        links.and_then(|()| files()).map_err(LabError::file("make", self.path.join(name)))
    }

    fn write_inside(&self, path: &Path, content: &str) -> io::Result<()> {
        let relative = path.strip_prefix(&self.path).unwrap_or(path);
        let mut folder = self.path.clone();
        for part in relative.parent().into_iter().flat_map(Path::components) {
            folder.push(part);
            if folder.is_symlink() {
                unlink_folder(&folder)?;
            } else if !folder.exists() {
                fs::create_dir(&folder)?;
            }
        }
        if path.is_symlink() {
            fs::remove_file(path)?;
        }
        fs::write(path, content)
    }
}

/// Turns a link to a folder into a folder of links, so that something can be put into it.
fn unlink_folder(link_path: &Path) -> io::Result<()> {
    let target = fs::canonicalize(link_path)?;
    fs::remove_file(link_path)?;
    fs::create_dir(link_path)?;
    link(&target, link_path, 0, &mut Vec::new())
}

fn link(from: &Path, at: &Path, depth: usize, shadowed: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text == ".seaworthy" {
            continue;
        }
        let kind = entry.file_type()?;
        if !kind.is_dir() && is_env_file(&text) {
            shadowed.push(entry.path());
        } else if kind.is_dir() && depth > 0 && holds_env_file(&entry.path(), depth - 1) {
            let inner = at.join(&name);
            fs::create_dir(&inner)?;
            link(&entry.path(), &inner, depth - 1, shadowed)?;
        } else {
            symlink(entry.path(), at.join(&name))?;
        }
    }
    Ok(())
}

fn holds_env_file(folder: &Path, depth: usize) -> bool {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    if FOREIGN.contains(&name.as_ref()) {
        return false;
    }
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => depth > 0 && holds_env_file(&entry.path(), depth - 1),
        Ok(_) => is_env_file(&entry.file_name().to_string_lossy()),
        Err(_) => false,
    })
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, target)?;
        } else if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for path in ["apps/api", "node_modules/x", "src"] {
            fs::create_dir_all(root.join(path)).expect("made");
        }
        for path in
            [".env", ".env.local", ".env.example", "app.js", "apps/api/.env", "apps/api/main.js"]
        {
            fs::write(root.join(path), path).expect("written");
        }
        fs::write(root.join("node_modules/x/.env"), "x").expect("written");
        folder
    }

    #[test]
    fn env_files_are_left_out_wherever_they_are() {
        let (service, at) = (service(), tempfile::tempdir().expect("a folder"));
        let scratch = Scratch::build(service.path(), at.path()).expect("built");
        assert_eq!(scratch.shadowed.len(), 3);
        for absent in [".env", ".env.local", "apps/api/.env"] {
            assert!(!at.path().join(absent).exists(), "{absent}");
        }
        for present in [".env.example", "app.js", "apps/api/main.js", "node_modules/x/.env"] {
            assert!(at.path().join(present).exists(), "{present}");
        }
        assert!(at.path().join("src").is_symlink());
    }

    #[test]
    fn a_log_that_was_there_is_not_written_to() {
        let (service, at) = (service(), tempfile::tempdir().expect("a folder"));
        fs::create_dir(service.path().join("logs")).expect("made");
        fs::write(service.path().join("logs/a.log"), "old").expect("written");
        let scratch = Scratch::build(service.path(), at.path()).expect("built");
        scratch.own("logs/*.log").expect("made its own");
        fs::write(at.path().join("logs/a.log"), "new").expect("written");
        let old = fs::read_to_string(service.path().join("logs/a.log")).expect("read");
        assert_eq!(old, "old");
        assert!(at.path().join("app.js").is_symlink());
    }

    #[test]
    fn writing_never_reaches_the_original() {
        let (service, at) = (service(), tempfile::tempdir().expect("a folder"));
        let scratch = Scratch::build(service.path(), at.path()).expect("built");
        scratch.write("app.js", "new").expect("written");
        scratch.write("src/new/config.js", "new").expect("written");
        assert_eq!(fs::read_to_string(service.path().join("app.js")).expect("read"), "app.js");
        assert!(!service.path().join("src/new").exists());
        assert!(at.path().join("src/new/config.js").exists());
        assert!(scratch.write("../out", "x").is_err());
        assert!(scratch.write("/etc/out", "x").is_err());

        let second = tempfile::tempdir().expect("a folder");
        scratch.copy(second.path()).expect("copied");
        assert_eq!(fs::read_to_string(second.path().join("app.js")).expect("read"), "new");
    }
}
