//! What stored runs say of each control: the newest verdict that there is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use model::scorecard::Binding;
use model::{Row, Scorecard};

use crate::store::Store;

/// So many runs are looked through; what is older has expired, more often than not.
const RUNS: usize = 50;

/// A row, and the run that it is of.
#[derive(Debug, Clone)]
pub struct Known {
    pub row: Row,
    pub binding: Binding,
}

/// The newest row of each control below `out`, by its id. Runs that were interrupted count with what
/// they decided; those that have expired do not count.
pub fn known(out: &Path) -> BTreeMap<String, Known> {
    let (mut all, now) = (BTreeMap::new(), crate::binding::now());
    for store in Store::recent(out, RUNS) {
        // RFC 3339 in UTC sorts as text. What has expired is no evidence any more.
        let card = scorecard(&store).filter(|card| card.evidence.expires > now);
        let Some(card) = card else { continue };
        for row in card.controls {
            let binding = card.evidence.clone();
            all.entry(row.id.clone()).or_insert(Known { row, binding });
        }
    }
    all
}

/// The stored scorecard; `None` where it cannot be read, as of an older version.
fn scorecard(store: &Store) -> Option<Scorecard> {
    let text = fs::read_to_string(store.folder().join("scorecard.json")).ok()?;
    serde_json::from_str(&text).ok()
}
