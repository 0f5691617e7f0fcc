//! The repository as one instance has it: its own, whatever is written to it.
//!
//! With namespaces it is a copy-on-write view that stands in the repository's place, so that a
//! program that resolves links or was installed with absolute paths meets it all the same.
//! Otherwise it is a copy. `.env` files are left out, because they would re-supply what an
//! experiment takes away.

mod copying;
mod env_files;

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use isolation::{Bind, Confinement, LaunchPlan, Overlay};

use crate::error::LabError;

pub use copying::mirror;

/// A repository, a home and a folder for temporary files of one's own.
#[derive(Debug)]
pub struct Workspace {
    /// The service's folder as the service sees it.
    pub inside: PathBuf,
    /// The same folder as seaworthy sees it.
    pub outside: PathBuf,
    /// The originals of `.env` files that the service could still find by their absolute paths.
    pub shadowed: Vec<PathBuf>,
    /// Files that are covered, because they cannot be removed from the view.
    hidden: Vec<Bind>,
    home: PathBuf,
    temporary: PathBuf,
    folder: PathBuf,
    view: Option<Overlay>,
}

/// Where the repository's files come from.
#[derive(Debug, Clone)]
pub struct Source {
    /// The service's folder, relative to the repository.
    pub service: PathBuf,
    /// What the build made: a layer above the repository with views, a whole copy without.
    pub built: Option<PathBuf>,
}

impl Workspace {
    /// The workspace that the set-up prepares and that instances begin with.
    ///
    /// # Errors
    /// When it cannot be mounted or copied.
    pub fn template(
        confinement: &Confinement,
        source: &Source,
        folder: &Path,
    ) -> Result<Self, LabError> {
        let built: Vec<PathBuf> = source.built.iter().cloned().collect();
        let view = confinement.view(folder, &built)?;
        let mut hidden = Vec::new();
        let (repository, shadowed) = match &view {
            Some(view) => {
                let found = env_files::find(&view.at);
                for file in &found {
                    // One of somebody else's cannot be removed from a view, but covered.
                    if fs::remove_file(file).is_err() {
                        let inner = file.strip_prefix(&view.at).unwrap_or(file);
                        hidden.push(confinement.hiding(&confinement.repository.join(inner)));
                    }
                }
                (view.at.clone(), Vec::new())
            }
            None => {
                let from = source.built.as_ref().unwrap_or(&confinement.repository);
                let copy = folder.join("repository");
                copying::copy(from, &copy).map_err(LabError::file("copy", from))?;
                for file in env_files::find(&copy) {
                    fs::remove_file(&file).map_err(LabError::file("leave out", &file))?;
                }
                (copy, env_files::find(&confinement.repository))
            }
        };
        let made = Self::new(confinement, source, folder, view, &repository, shadowed)?;
        Ok(Self { hidden, ..made })
    }

    /// A workspace without a repository, where nothing is started.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn empty(confinement: &Confinement, folder: &Path) -> Result<Self, LabError> {
        let source = Source { service: PathBuf::new(), built: None };
        Self::new(confinement, &source, folder, None, folder, Vec::new())
    }

    /// A workspace that begins with everything that is in this one.
    ///
    /// # Errors
    /// When it cannot be mounted or copied.
    pub fn instance(
        &self,
        confinement: &Confinement,
        source: &Source,
        folder: &Path,
    ) -> Result<Self, LabError> {
        let below: Vec<PathBuf> = match &self.view {
            Some(view) => std::iter::once(&view.upper).chain(&source.built).cloned().collect(),
            None => Vec::new(),
        };
        let view = confinement.view(folder, &below)?;
        let repository = match &view {
            Some(view) => view.at.clone(),
            None => {
                let (from, copy) = (self.folder.join("repository"), folder.join("repository"));
                copying::copy(&from, &copy).map_err(LabError::file("copy", &from))?;
                copy
            }
        };
        let shadowed = self.shadowed.clone();
        let made = Self::new(confinement, source, folder, view, &repository, shadowed)?;
        copying::copy(&self.home, &made.home).map_err(LabError::file("copy", &self.home))?;
        Ok(Self { hidden: self.hidden.clone(), ..made })
    }

    fn new(
        confinement: &Confinement,
        source: &Source,
        folder: &Path,
        view: Option<Overlay>,
        repository: &Path,
        shadowed: Vec<PathBuf>,
    ) -> Result<Self, LabError> {
        let (home, temporary) = (folder.join("home"), folder.join("tmp"));
        for made in [&home, &temporary] {
            fs::create_dir_all(made).map_err(LabError::file("make", made))?;
        }
        let outside = repository.join(&source.service);
        let inside = match &view {
            Some(_) => confinement.repository.join(&source.service),
            None => outside.clone(),
        };
        // A copy is no more for others to read than the original is.
        // A service that drops its privileges must still reach its folder for temporary files.
        for (path, mode) in [(folder, 0o711), (&temporary, 0o1777)] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(path, mode).map_err(LabError::file("close", path))?;
        }
        let (folder, hidden) = (folder.to_owned(), Vec::new());
        Ok(Self { inside, outside, shadowed, hidden, home, temporary, folder, view })
    }

    /// The folder that its processes have as `HOME`.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The folder for their temporary files, where they get one of their own.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// How a program is started in it; `ports` are those it may connect to.
    pub fn launch(&self, confinement: &Confinement, ports: &[u16]) -> LaunchPlan {
        let own = std::slice::from_ref(&self.folder);
        let mut plan = confinement.launch(self.view.as_ref(), &self.inside, own, ports);
        plan.binds.extend(self.hidden.iter().cloned());
        plan
    }

    /// Writes a file into the service's folder.
    ///
    /// # Errors
    /// When the path leaves the folder or cannot be written.
    pub fn write(&self, name: &str, content: &str) -> Result<(), LabError> {
        let path = self.outside.join(name);
        let leaves = Path::new(name).components().any(|part| !matches!(part, Component::Normal(_)));
        if leaves {
            let source =
                io::Error::new(io::ErrorKind::InvalidInput, "it leaves the service's folder");
            return Err(LabError::File { action: "write", path, source });
        }
        let write = || {
            let folder = Path::new(name).parent().unwrap_or(Path::new(""));
            own_folders(&self.outside, folder)?;
            // A link may lead out of the workspace.
            if path.is_symlink() {
                fs::remove_file(&path)?;
            }
            fs::write(&path, content)
        };
        write().map_err(LabError::file("write", path.clone()))
    }

    /// Where seaworthy finds a path of the service's.
    pub fn seen_from_outside(&self, path: &str) -> PathBuf {
        match Path::new(path).strip_prefix(&self.inside) {
            Ok(inner) => self.outside.join(inner),
            Err(_) => self.outside.join(path),
        }
    }

    /// Ends its view: from now on it is what instances begin with.
    pub fn freeze(&self) {
        if let Some(view) = &self.view {
            // Its layer can be a lower one either way; the kernel only warns of it.
            let _ = view.unmount();
        }
    }

    /// Takes it away.
    pub fn end(self) {
        if let Some(view) = &self.view {
            // What cannot be removed now goes with the run's folder.
            let _ = view.unmount();
        }
        let _ = process::records::remove(&self.folder);
    }
}

/// Makes the folders on the way to a file one's own: a link to a folder becomes a folder of links, so
/// that something can be put into it without reaching what it led to.
fn own_folders(root: &Path, inner: &Path) -> io::Result<()> {
    let mut path = root.to_owned();
    for part in inner.components() {
        path.push(part);
        if path.is_symlink() {
            let there = fs::canonicalize(&path)?;
            fs::remove_file(&path)?;
            fs::create_dir(&path)?;
            for entry in fs::read_dir(there)?.flatten() {
                std::os::unix::fs::symlink(entry.path(), path.join(entry.file_name()))?;
            }
        } else if !path.exists() {
            fs::create_dir(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
