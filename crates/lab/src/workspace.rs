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
use std::path::{Component, Path, PathBuf};

use isolation::{Confinement, LaunchPlan, Overlay};

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
        let (repository, shadowed) = match &view {
            Some(view) => {
                let found = env_files::find(&view.at);
                for file in &found {
                    fs::remove_file(file).map_err(LabError::file("leave out", file))?;
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
        Self::new(confinement, source, folder, view, &repository, shadowed)
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
        Ok(made)
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
        let folder = folder.to_owned();
        Ok(Self { inside, outside, shadowed, home, temporary, folder, view })
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
        confinement.launch(
            self.view.as_ref(),
            &self.inside,
            std::slice::from_ref(&self.folder),
            ports,
        )
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
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
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

#[cfg(test)]
mod tests;
