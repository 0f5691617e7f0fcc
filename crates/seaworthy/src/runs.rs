//! The runs of a service: their folders, and the ledger that remembers them when the folders are
//! gone.

use std::fs;
use std::path::{Path, PathBuf};

use engine::store::Store;
use ledger::{Entry, Ledger, LedgerError};
use model::Scorecard;

use crate::failure::Failure;

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::usage(error.to_string())
            .hint("the ledger can be made anew from the runs beside it: move it away and ask again")
    }
}

/// Where the runs of a service are stored: below `out`, or beside its manifest.
pub(crate) fn folder(service: &Path, out: Option<&PathBuf>) -> PathBuf {
    let beside = || {
        let root = if service.is_file() { service.parent().unwrap_or(service) } else { service };
        root.join(".seaworthy")
    };
    out.cloned().unwrap_or_else(beside)
}

/// The scorecard in a file, or of a run's folder.
///
/// # Errors
/// Why it cannot be used, in words.
pub(crate) fn scorecard(path: &Path) -> Result<Scorecard, String> {
    let file = if path.is_dir() { path.join("scorecard.json") } else { path.to_owned() };
    let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// Enters every finished run of the folder that is not in its ledger yet.
///
/// # Errors
/// When the ledger cannot be used.
pub(crate) fn enter(out: &Path) -> Result<Ledger, LedgerError> {
    let mut ledger = Ledger::open(out)?;
    for store in Store::recent(out, usize::MAX) {
        let name = store.folder().file_name().unwrap_or_default().to_string_lossy().into_owned();
        if ledger.has(&name)? {
            continue;
        }
        // A run that is not at its end has none yet.
        if let Ok(card) = scorecard(store.folder()) {
            ledger.enter(&Entry::of(&card))?;
        }
    }
    Ok(ledger)
}

/// All that is known, the newest first.
///
/// # Errors
/// When nothing was ever proven here, or the ledger cannot be used.
pub(crate) fn known(out: &Path, most: usize) -> Result<Vec<Entry>, Failure> {
    let nothing = || {
        Failure::usage(format!("no runs are stored in {}", out.display()))
            .hint("prove the service first: seaworthy prove")
    };
    if !out.is_dir() {
        return Err(nothing());
    }
    let entries = enter(out)?.recent(most)?;
    if entries.is_empty() { Err(nothing()) } else { Ok(entries) }
}
