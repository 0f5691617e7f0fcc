//! What is proven: the service of a manifest, or of a repository that has none.

use std::path::Path;

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
