//! Which controls a run tries: those that were named, those that failed last time, those that decide
//! soon.

use std::path::Path;
use std::time::Duration;

use engine::estimate::{self, Earlier};
use engine::store::Store;
use model::{Note, Verdict};
use settings::Manifest;

use crate::failure::Failure;

/// What `--quick` promises.
const QUICK: Duration = Duration::from_secs(15);

/// The ids to try, empty for all, and what the scorecard says of that.
pub(super) struct Selection {
    pub(super) only: Vec<String>,
    pub(super) note: Option<Note>,
}

/// What the command line asks for.
///
/// # Errors
/// When what failed last time is asked for and nothing did.
pub(super) fn of(
    arguments: &super::Arguments,
    manifest: &Manifest,
    out: &Path,
    only: Vec<String>,
) -> Result<Selection, Failure> {
    match (arguments.quick, arguments.failed) {
        (true, _) => Ok(quick(manifest, out, &only)),
        (_, true) => failed(out, &only),
        _ => Ok(Selection { only, note: None }),
    }
}

/// What failed in the last run; of these ids, where some are named.
///
/// # Errors
/// When there is no run, or nothing failed in it.
fn failed(out: &Path, only: &[String]) -> Result<Selection, Failure> {
    let nothing = |why: &str| {
        Failure::usage(format!("--failed: {why}"))
            .hint("seaworthy prove without --failed tries everything")
    };
    // What was tried through the edge says nothing of the service alone.
    let runs = Store::recent(out, usize::MAX);
    let run = runs.first().ok_or_else(|| nothing("there is no earlier run"))?;
    let card = engine::judge::again(run)?;
    let failed = card.controls.iter().filter(|row| row.verdict == Verdict::Fail);
    let ids = failed.map(|row| row.id.clone());
    let ids: Vec<_> = ids.filter(|id| only.is_empty() || only.contains(id)).collect();
    if ids.is_empty() {
        return Err(nothing(&format!("nothing failed in the last run, {}", card.evidence.run)));
    }
    let text = format!("--failed: only what failed in {} was tried", card.evidence.run);
    Ok(Selection { only: ids, note: Some(Note { text, ..Note::default() }) })
}

/// What decides within [`QUICK`]; of these ids, where some are named.
fn quick(manifest: &Manifest, out: &Path, only: &[String]) -> Selection {
    let plan = engine::plan(manifest, only);
    let tried: Vec<_> = plan.tried().map(|control| control.card().id).collect();
    let chosen = estimate::within(manifest, &plan, &Earlier::read(out), QUICK);
    let left: Vec<_> =
        tried.iter().filter(|id| !chosen.iter().any(|chosen| chosen == *id)).copied().collect();
    if left.is_empty() {
        return Selection { only: only.to_vec(), note: None };
    }
    let text = format!("--quick: left out, because they take longer: {}", left.join(", "));
    Selection { only: chosen, note: Some(Note { text, ..Note::default() }) }
}
