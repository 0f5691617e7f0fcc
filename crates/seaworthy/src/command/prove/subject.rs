//! What is proven: the service of a manifest, or of a repository that has none.

use std::path::{Path, PathBuf};

use engine::{Proof, Session};
use settings::Command;
use tokio::runtime::Builder;

use super::live_run::{shown, unless_stopped};
use crate::failure::Failure;
use crate::inference::{Inference, LookedAt};
use crate::manifest_file::{ManifestFile, NAME};

/// A manifest, written or inferred.
pub(super) struct Subject {
    pub(super) file: ManifestFile,
    pub(super) inference: Option<Inference>,
}

impl Subject {
    /// Reads the manifest at a path, or infers one where the folder holds none, or where that is
    /// asked for. A command wins over what either says.
    ///
    /// # Errors
    /// When the manifest is wrong, or nothing says how the service starts.
    pub(super) fn find(path: &Path, command: &[String], infer: bool) -> Result<Self, Failure> {
        let path = &by_name(path)?;
        if path.is_dir() && (infer || !path.join(NAME).exists()) {
            let inference = Inference::read(path, command)?;
            return Ok(Self { file: inference.file()?, inference: Some(inference) });
        }
        let mut file = ManifestFile::read(path)?;
        if !command.is_empty() {
            file.parsed.manifest.service.start = Command(command.to_vec());
        }
        Ok(Self { file, inference: None })
    }
}

/// The folder of a service of this monorepo, where the path is no file or folder but a service's
/// name.
///
/// # Errors
/// When several services have this name.
fn by_name(path: &Path) -> Result<PathBuf, Failure> {
    let is_name = path.components().count() == 1 && !path.exists();
    let name = path.to_string_lossy();
    if !is_name {
        return Ok(path.to_owned());
    }
    let mut named = infer::services(Path::new("."));
    named.retain(|service| service.name == name);
    match named.as_slice() {
        [] => Ok(path.to_owned()),
        [one] => Ok(PathBuf::from(&one.folder)),
        several => {
            let folders: Vec<_> = several.iter().map(|one| one.folder.as_str()).collect();
            let text = format!("several services are called {name}: {}", folders.join(", "));
            Err(Failure::usage(text).hint("name the folder of the one that you mean"))
        }
    }
}

/// Starts an inferred service once and looks at it.
pub(super) fn look(
    inference: &Inference,
    session: &Session,
    proof: &Proof,
) -> Result<LookedAt, Failure> {
    shown(Builder::new_multi_thread(), |tell, stopped| async move {
        unless_stopped(inference.look(session, proof, &tell), stopped).await
    })
}
