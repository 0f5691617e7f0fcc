//! Scorecards kept from the last long measurement, so that a reason added afterwards needs no
//! second measurement.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::root;

/// Where a matrix takes its scorecards from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measured {
    /// Proves now, and keeps the scorecard under `target/measured`.
    Now,
    /// The scorecards of the last measurement; what is not there is proven now.
    Before,
}

impl Measured {
    /// The scorecard called `key`, from `prove` or from the last measurement.
    pub(crate) fn card(
        self,
        key: &str,
        prove: impl FnOnce() -> Result<Value, String>,
    ) -> Result<Value, String> {
        let path = path(key);
        if self == Self::Before
            && let Some(kept) = fs::read(&path).ok().and_then(|t| serde_json::from_slice(&t).ok())
        {
            return Ok(kept);
        }
        let card = prove()?;
        let kept = path.parent().map_or(Ok(()), fs::create_dir_all);
        kept.and_then(|()| fs::write(&path, card.to_string()))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(card)
    }
}

fn path(key: &str) -> PathBuf {
    root().join("target/measured").join(format!("{key}.json"))
}
