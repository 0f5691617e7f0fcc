//! What is proven: the service of a manifest, or of a repository that has none.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine::{Proof, ProofError, Session};
use report::terminal::Live;
use settings::Command;
use tokio::sync::watch;

use super::live_run::{listener, stop_on_signal};
use crate::failure::Failure;
use crate::inference::{Inference, LookedAt};
use crate::manifest_file::{ManifestFile, NAME};
use crate::screen;

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("cannot start: {error}")))?;
    let live = Arc::new(Mutex::new(Live::new(screen::stderr_styles(), screen::width())));
    let tell = listener(&live);
    let (stop, mut stopped) = watch::channel(false);
    let result = runtime.block_on(async {
        tokio::spawn(stop_on_signal(stop));
        tokio::select! {
            result = inference.look(session, proof, &tell) => result,
            _ = stopped.wait_for(|stop| *stop) => Err(ProofError::Interrupted.into()),
        }
    });
    screen::message(&live.lock().unwrap_or_else(PoisonError::into_inner).erase());
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    result
}
