//! No pass without an account: the stored evidence of the healthy fixtures, one observation at a
//! time removed or answered by a limiter, a missing log-in, a failure or silence.
//!
//! `cargo xtask evidence` writes the evidence anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use model::{Observation, Outcome, Probe, Seen, Verdict};
use settings::Manifest;

use crate::control::Control;
use crate::{CONTROLS, find};

/// Of observations that are alike, so many are perturbed.
const EACH: usize = 12;

/// What becomes of one observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Perturbation {
    Removed,
    Status(u16),
    Silence,
}

const ALL: [Perturbation; 5] = [
    Perturbation::Removed,
    Perturbation::Status(429),
    Perturbation::Status(401),
    Perturbation::Status(503),
    Perturbation::Silence,
];

/// Observations that may be lost without a trace in the account, each with the reason.
const UNCOUNTED: &[(&str, &str)] = &[
    ("before", "the way to what is tried"),
    ("document", "the description from which requests are made; how many were made is counted"),
    ("witness", "a smaller form of a failure that was seen"),
    ("first", "the way to its repetition, which is counted"),
    ("steady exchange busy", "steady state: what happens after the signal is judged"),
    ("steady exchange new", "steady state: what happens after the signal is judged"),
    ("recovery of probe live", "waited for, so that one fault is not the next one's"),
];

/// Trials on which no verdict rests, each with the reason.
const NOT_JUDGED: &[(&str, &str)] = &[
    ("journey", "in which ways to catch a request in flight are found"),
    ("/pid-1/", "only whether it ends is judged; the requests are there to make it work"),
];

/// The healthy runs that `cargo xtask evidence` stored, by fixture.
fn evidence() -> Vec<(String, Run)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../evidence");
    let entries = fs::read_dir(folder).expect("there is evidence").flatten();
    let mut all: Vec<_> = entries
        .map(|entry| (entry.file_name(), entry.path().join("healthy.json.gz")))
        .filter(|(_, path)| path.exists())
        .map(|(name, path)| (name.to_string_lossy().into_owned(), unpacked(&path)))
        .collect();
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

/// A run's files, by their names.
type Run = BTreeMap<String, String>;

fn unpacked(path: &Path) -> Run {
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).expect("it is packed text");
    let mut stored: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    serde_json::from_value(stored["runs"][0].take()).expect("there is a run")
}

/// The manifest of a stored run, and the observations of each control.
fn read(files: &Run) -> (Manifest, BTreeMap<String, Vec<Observation>>) {
    let mut run: serde_json::Value = serde_json::from_str(&files["run.json"]).expect("it is JSON");
    let manifest = serde_json::from_value(run["manifest"].take()).expect("it is one");
    let mut controls = BTreeMap::new();
    for control in CONTROLS {
        let id = control.card().id;
        if let Some(text) = files.get(&format!("{id}.ndjson")) {
            let lines = text.lines().map(|line| serde_json::from_str(line).expect("it is one"));
            let mut all: Vec<Observation> = lines.collect();
            all.sort_by_key(|observation| observation.at);
            controls.insert(id.to_owned(), all);
        }
    }
    (manifest, controls)
}

/// What an observation is called among its like, when it is one on which something may rest.
fn kind_of(seen: &[Observation], at: usize) -> Option<String> {
    let Observation { trial, seen: this, .. } = &seen[at];
    let earlier =
        |is: fn(&Seen) -> bool| seen[..at].iter().any(|o| o.trial == *trial && is(&o.seen));
    let when = if earlier(|seen| matches!(seen, Seen::FaultHealed { .. })) {
        "recovery of "
    } else if earlier(|seen| matches!(seen, Seen::Signalled { .. } | Seen::FaultSet { .. })) {
        ""
    } else {
        "steady "
    };
    Some(match this {
        Seen::Answer(answer) => answer.label.clone(),
        Seen::Exchanged { client, .. } => format!("{when}exchange {client}"),
        Seen::Probed { probe, .. } => format!("{when}probe {probe}"),
        Seen::Ready { .. } => "ready".to_owned(),
        Seen::FaultSet { .. } => "fault".to_owned(),
        Seen::FaultHealed { .. } => "healed".to_owned(),
        Seen::Signalled { .. } => "signal".to_owned(),
        _ => return None,
    })
}

/// The observations with one of them perturbed; `None` where that means nothing.
fn perturbed(
    seen: &[Observation],
    at: usize,
    perturbation: Perturbation,
) -> Option<Vec<Observation>> {
    let mut all = seen.to_vec();
    let outcome = match perturbation {
        Perturbation::Removed => {
            all.remove(at);
            return Some(all);
        }
        Perturbation::Status(status) => Outcome::Answered { status },
        Perturbation::Silence => Outcome::TimedOut { received: 0 },
    };
    match &mut all[at].seen {
        Seen::Answer(answer) => {
            answer.outcome = outcome;
            answer.headers.clear();
            answer.body.clear();
            answer.bytes = 0;
            if answer.as_expected.is_some() {
                answer.as_expected = Some(false);
            }
        }
        Seen::Exchanged { outcome: known, .. } => *known = outcome,
        Seen::Probed { result, .. } => {
            *result = match perturbation {
                Perturbation::Status(status) => Probe::Answered { status, accepted: false },
                _ => Probe::TimedOut,
            };
        }
        _ => return None,
    }
    Some(all)
}

/// Some observations of each sort: first, last and a few between.
fn chosen(seen: &[Observation]) -> Vec<usize> {
    let mut by_kind: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, observation) in seen.iter().enumerate() {
        if NOT_JUDGED.iter().any(|(trial, _)| observation.trial.contains(trial)) {
            continue;
        }
        if let Some(kind) = kind_of(seen, at) {
            by_kind.entry(kind).or_default().push(at);
        }
    }
    let few = |all: Vec<usize>| -> Vec<usize> {
        let step = all.len().div_ceil(EACH);
        all.into_iter().step_by(step).collect()
    };
    by_kind.into_values().flat_map(few).collect()
}

fn is_uncounted(kind: &str) -> bool {
    UNCOUNTED.iter().any(|(known, _)| crate::surface::tries::begins_with(kind, known))
}

fn problems(id: &str, manifest: &Manifest, seen: &[Observation]) -> BTreeSet<String> {
    let control: &dyn Control = find(id).expect("it is built");
    let healthy = control.judge(manifest, seen);
    assert_eq!(healthy.verdict(), Verdict::Pass, "{id}: {}", healthy.summary);
    let mut wrong = BTreeSet::new();
    for at in chosen(seen) {
        let kind = kind_of(seen, at).unwrap_or_default();
        // Whoever judges starts or readiness rests on these; for others they are the way there.
        if kind.ends_with("probe ready") && id != "startup" && id != "readiness" {
            continue;
        }
        for perturbation in ALL {
            let Some(other) = perturbed(seen, at, perturbation) else { continue };
            let judged = control.judge(manifest, &other);
            let limited = perturbation == Perturbation::Status(429);
            if limited && judged.verdict() == Verdict::Fail {
                wrong.insert(format!("{id}: {kind:?} limited is a failure: {}", judged.summary));
            }
            let same = judged.verdict() == Verdict::Pass && judged.account() == healthy.account();
            if same && perturbation == Perturbation::Removed && !is_uncounted(&kind) {
                wrong.insert(format!("{id}: {kind:?} can be taken away, and nobody notices"));
            }
            if same && limited && !is_uncounted(&kind) {
                wrong.insert(format!("{id}: {kind:?} can be limited, and nobody notices"));
            }
        }
    }
    wrong
}

#[test]
fn what_does_not_land_is_missed_and_a_limiter_is_no_failure() {
    let mut wrong = BTreeSet::new();
    for (_, run) in evidence() {
        let (manifest, controls) = read(&run);
        for (id, seen) in &controls {
            wrong.extend(problems(id, &manifest, seen));
        }
    }
    let wrong: Vec<_> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_control_has_evidence_and_nothing_is_left_of_a_pass_without_it() {
    let harbour = evidence().into_iter().find(|(fixture, _)| fixture == "harbour");
    let (manifest, controls) = read(&harbour.expect("it is there").1);
    for control in CONTROLS {
        let id = control.card().id;
        let seen = controls.get(id).unwrap_or_else(|| panic!("{id} has no evidence"));
        let judgement = control.judge(&manifest, seen);
        assert!(judgement.account().landed() > 0, "{id} counts nothing");
        let rests = (0..seen.len()).filter(|at| kind_of(seen, *at).is_none());
        let bare: Vec<_> = rests.map(|at| seen[at].clone()).collect();
        assert_ne!(control.judge(&manifest, &bare).verdict(), Verdict::Pass, "{id}");
    }
}
