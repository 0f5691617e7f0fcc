//! From observations to rows and a scorecard; the same for a fresh run and a stored one.

use controls::baseline::{self, Baseline};
use model::scorecard::{AppliedWaiver, Binding};
use model::{Judgement, Note, Observation, Row, Scorecard, Seen, Severity, Verdict, catalogue};
use settings::Manifest;

use crate::store::{RunFile, Store, StoreError};

/// What stays the same for all rows of a run.
#[derive(Debug, Clone)]
pub struct Context {
    /// How the manifest was named on the command line, for the command that repeats a row.
    pub asked: String,
    /// YYYY-MM-DD.
    pub today: String,
    /// What an edge supplied, where one stood before the service.
    pub supplied: Option<Vec<String>>,
}

/// A row for a judgement, with its waiver and the command that repeats it.
pub fn row(
    context: &Context,
    manifest: &Manifest,
    id: &str,
    judgement: Judgement,
    seconds: f64,
) -> Row {
    let mut row = Row::new(id, judgement, (seconds * 1000.0).round() / 1000.0);
    let supplied = context.supplied.iter().flatten().any(|one| one == id);
    let supply = edge::supply::find(id).filter(|supply| {
        row.findings.iter().any(|finding| {
            let (cause, subject) = (&finding.cause, &finding.subject);
            finding.severity == Severity::Fail
                && supply.unmendable(manifest, cause, subject).is_none()
        })
    });
    if row.verdict == Verdict::Fail && !supplied {
        row.supply = supply.map(|supply| supply.how.to_owned());
    }
    row.rerun = rerun(&context.asked, id);
    if matches!(row.verdict, Verdict::Fail | Verdict::Inconclusive) {
        row.waived = manifest.waivers.get(id).map(|waiver| AppliedWaiver {
            reason: waiver.reason.clone(),
            owner: waiver.owner.clone(),
            expires: waiver.expires.clone(),
            expired: waiver.expires < context.today,
        });
    }
    row
}

/// The command that tries a control again. A start command stays at its end.
fn rerun(asked: &str, id: &str) -> String {
    let command = asked.find("-- ").filter(|at| *at == 0 || asked[..*at].ends_with(' '));
    let (words, command) = asked.split_at(command.unwrap_or(asked.len()));
    let words = ["seaworthy prove", words.trim(), "--only", id, command.trim()];
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What a control concludes from what was seen. Nothing, where the service reached something outside
/// the lab: what it did then is no evidence.
pub fn judgement(
    control: &dyn controls::Control,
    manifest: &Manifest,
    seen: &[Observation],
) -> Judgement {
    let left = seen.iter().find_map(|observation| match &observation.seen {
        Seen::LeftTheLab { address, process } => Some((address, process)),
        _ => None,
    });
    match left {
        None => control.judge(manifest, seen),
        Some((address, process)) => Judgement::inconclusive(format!(
            "the service's process {process} connected to {address}, which is outside the lab, and \
             was ended; give the service a dependency of the lab, or turn off what calls out"
        )),
    }
}

/// The scorecard of these rows.
pub fn scorecard(
    manifest: &Manifest,
    rows: Vec<Row>,
    evidence: Binding,
    notes: Vec<Note>,
    is_part: bool,
    partial: bool,
) -> Scorecard {
    let score = if is_part || partial { None } else { Scorecard::score(&rows) };
    let suggestions = if partial { Vec::new() } else { crate::suggest::suggestions(&rows) };
    Scorecard {
        service: manifest.service.name.clone(),
        score,
        coverage: Scorecard::coverage(&rows),
        catalogue: (controls::CONTROLS.len(), catalogue::ENTRIES.len()),
        partial,
        controls: rows,
        evidence,
        notes,
        suggestions,
    }
}

/// What was seen in a stored run, by control.
///
/// # Errors
/// When the run cannot be read.
pub fn evidence(
    store: &Store,
    card: &Scorecard,
) -> Result<Vec<(String, Vec<Observation>)>, StoreError> {
    let mut all = Vec::new();
    for row in &card.controls {
        all.extend(store.observations(&row.id)?.map(|seen| (row.id.clone(), seen)));
    }
    Ok(all)
}

/// What can be said of a control that was not tried.
pub fn not_tried(baseline: &Baseline) -> Judgement {
    match baseline.never_ready() {
        Some(problem) => Judgement::inconclusive(problem.text.clone()),
        None => Judgement::inconclusive("it was not tried in this run"),
    }
}

/// Judges a stored run again.
///
/// # Errors
/// When the run cannot be read.
pub fn again(store: &Store) -> Result<Scorecard, StoreError> {
    let RunFile { binding, manifest, seconds, is_part, asked, supplied, notes, .. } =
        store.read_run()?;
    let context = Context { asked, today: crate::binding::today(), supplied };
    let only: Vec<String> = seconds.iter().map(|(id, _)| id.clone()).collect();
    let plan = crate::plan(&manifest, &only);
    let baseline = store.observations(baseline::NAME)?;
    let baseline = baseline.map(|seen| baseline::conclude(&seen)).unwrap_or_default();
    let mut rows = Vec::new();
    for step in &plan.steps {
        let id = step.control.card().id;
        let took = seconds.iter().find(|(known, _)| known == id).map_or(0.0, |(_, took)| *took);
        let judgement = match (&step.what, store.observations(id)?) {
            (crate::plan::What::Settled(judgement), _) => judgement.clone(),
            (_, Some(seen)) => judgement(step.control, &manifest, &seen),
            (_, None) => not_tried(&baseline),
        };
        rows.push(row(&context, &manifest, id, judgement, took));
    }
    Ok(scorecard(&manifest, rows, binding, notes, is_part, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_command_stays_at_the_end() {
        assert_eq!(rerun("", "cors"), "seaworthy prove --only cors");
        assert_eq!(rerun("shop", "cors"), "seaworthy prove shop --only cors");
        assert_eq!(rerun("-- npm start", "cors"), "seaworthy prove --only cors -- npm start");
        assert_eq!(rerun("a -- x -- y", "cors"), "seaworthy prove a --only cors -- x -- y");
    }
}
