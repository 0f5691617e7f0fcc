//! Steady state: the service started once, alone, its journeys walked. Everything else is measured
//! against it, and what does not work here is said once instead of by each control.

use std::time::Duration;

use lab::{Bench, LabError};
use model::{Note, Observation, Seen};

use crate::surface::{Tour, Visitor};
use crate::trials::{LAST_LINES, Trial, by_trial};

/// The name under which its observations are stored.
pub const NAME: &str = "baseline";
/// A file that all instances write to; about its path.
const SHARED: &str = "shared file";
/// A start beside others may take so many times as long as one alone, and more is not waited for.
const SLOWER: u32 = 10;

/// What the baseline came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    /// The time to the first ready answer.
    pub ready: Option<Duration>,
    /// The slowest answer on the way through the journeys.
    pub slowest: Duration,
    /// A file outside the repository that all instances would write to.
    pub shared: Option<String>,
    /// What went wrong, the root first.
    pub problems: Vec<Note>,
}

impl Baseline {
    /// The longest that a start may take before it is called late: what is declared, or ten times
    /// what it took alone.
    pub fn patience(&self, declared: Duration) -> Duration {
        self.ready.map_or(declared, |ready| declared.max(ready * SLOWER))
    }

    /// Why nothing can be tried, if that is so.
    pub fn never_ready(&self) -> Option<&Note> {
        if self.ready.is_some() { None } else { self.problems.first() }
    }
}

/// Starts the service once, walks its journeys and stops it.
///
/// # Errors
/// When the lab fails.
pub async fn measure(bench: &Bench) -> Result<(), LabError> {
    bench.progress("start alone, and walk the journeys");
    let trial = bench.trial(NAME);
    trial.saw(Seen::Trial { subject: NAME.into(), method: NAME.into(), round: 1 });
    let Some(site) = bench.site(&trial, None).await? else { return Ok(()) };
    if !bench.journeys().is_empty() {
        Tour::walk_whole(bench, &Visitor::new(bench.manifest(), &site, &trial)).await;
    }
    if let Some(running) = site.running() {
        for path in running.shared_files() {
            let (name, about) = (SHARED.to_owned(), path.display().to_string());
            trial.saw(Seen::Fact { name, about, value: 1 });
        }
    }
    site.end().await;
    Ok(())
}

/// What these observations say.
pub fn conclude(seen: &[Observation]) -> Baseline {
    let trials = by_trial(seen);
    let Some(trial) = trials.first() else { return Baseline::default() };
    let answers = trial.seen.iter().filter_map(|observation| match &observation.seen {
        Seen::Answer(answer) => Some(Duration::from_micros(answer.took_us)),
        _ => None,
    });
    let slowest = answers.max().unwrap_or_default();
    if let Some(broken) = trial.broken() {
        let text = format!("the service did not become ready: {}", broken.witness(trial));
        let note = Note { text, advice: broken.fix().to_owned(), log: trial.last_lines() };
        return Baseline { slowest, problems: vec![note], ..Baseline::default() };
    }
    let problems = steps_that_failed(trial).chain(journeys_that_failed(trial)).collect();
    let shared = trial.seen.iter().find_map(|observation| match &observation.seen {
        Seen::Fact { name, about, .. } if name == SHARED => Some(about.clone()),
        _ => None,
    });
    Baseline { ready: trial.ready(), slowest, shared, problems }
}

fn steps_that_failed<'a>(trial: &'a Trial<'_>) -> impl Iterator<Item = Note> + 'a {
    trial.seen.iter().filter_map(|observation| match &observation.seen {
        Seen::StepFailed { command, outcome, output } => Some(Note {
            text: format!("the after_ready step `{command}` failed: {outcome}"),
            advice: "what needs it will fail too; mend it first".to_owned(),
            log: last(output.lines()),
        }),
        _ => None,
    })
}

fn journeys_that_failed<'a>(trial: &'a Trial<'_>) -> impl Iterator<Item = Note> + 'a {
    trial.seen.iter().filter_map(|observation| match &observation.seen {
        Seen::Walked { journey, failure: Some(failure), .. } => Some(Note {
            text: format!("the journey {journey} failed at {failure}"),
            advice: "what follows this step was not tried; mend the journey or the service first"
                .to_owned(),
            log: last(trial.lines()),
        }),
        _ => None,
    })
}

fn last<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let lines: Vec<_> = lines.filter(|line| !line.trim().is_empty()).collect();
    lines.iter().rev().take(LAST_LINES / 2).rev().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trials::build::*;

    #[test]
    fn a_failing_journey_is_told_with_its_step_and_the_service_s_last_lines() {
        let failure = "line 4: POST /orders: expected HTTP 201, found 500".to_owned();
        let seen = vec![
            started(),
            ready(80),
            line("boom"),
            Seen::Walked { journey: "order".into(), failure: Some(failure), steps: 2 },
        ];
        let baseline = conclude(&trial(NAME, NAME, NAME, seen));
        assert_eq!(baseline.ready, Some(Duration::from_millis(80)));
        assert_eq!(baseline.never_ready(), None);
        let problem = &baseline.problems[0];
        assert!(problem.text.contains("order failed at line 4: POST /orders"), "{problem:?}");
        assert_eq!(problem.log, ["boom"]);
    }

    #[test]
    fn one_that_never_gets_ready_stops_everything_else() {
        let baseline = conclude(&trial(NAME, NAME, NAME, vec![started(), line("x"), exited(3)]));
        let problem = baseline.never_ready().expect("it is told");
        assert!(problem.text.contains("exited with code 3"), "{problem:?}");
        assert_eq!(problem.log, ["x"]);
    }

    #[test]
    fn patience_is_what_is_declared_or_ten_times_what_it_took_alone() {
        let declared = Duration::from_secs(5);
        let quick = Baseline { ready: Some(Duration::from_millis(50)), ..Baseline::default() };
        assert_eq!(quick.patience(declared), declared);
        let slow = Baseline { ready: Some(Duration::from_secs(2)), ..Baseline::default() };
        assert_eq!(slow.patience(declared), Duration::from_secs(20));
        assert_eq!(Baseline::default().patience(declared), declared);
    }
}
