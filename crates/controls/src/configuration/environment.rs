//! It refuses to start when a required variable is absent, empty or malformed, and names it.

mod cases;
mod judge;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future;
use lab::{Bench, LabError, Mutation, Readiness};
use model::declaration::Declaration;
use model::{Account, Applicability, Card, Lane, Observation, Reach, Ruling, Seen};
use settings::{Expectation, Manifest};

use crate::control::{Applies, Control};
use crate::trials::by_trial;
use cases::{Case, cases};

/// What would decide it.
const VARIABLES: Declaration = Declaration {
    lines: &["[environment.DATABASE_URL]", "type = \"postgres-url\""],
    what: "the variables that it cannot start without",
};

pub(crate) struct Environment;

static CARD: Card = Card {
    id: "environment",
    applicability: Applicability::Universal,
    reach: Reach::Lab,
    lane: Lane::Shared,
    disturbs: "nothing but its own instances",
    budget: 5,
    decided_by: &[VARIABLES],
    page: include_str!("environment.md"),
};

const BASELINE: &str = "baseline";
/// How long the unchanged service must go on answering.
const SETTLE: Duration = Duration::from_millis(150);
/// A refusal that does not come is tried so often: a violation of time needs two of three.
const ROUNDS: u32 = 3;
/// A service that never refuses does so for every variable; repeating two of them is enough.
const REPEATED: u32 = 2;

#[async_trait]
impl Control for Environment {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn applies(&self, manifest: &Manifest) -> Applies {
        if manifest.environment.is_empty() {
            let what = "declare the variables that the service reads, for example \
                        [environment.DATABASE_URL] type = \"postgres-url\"; or say why there are \
                        none under [not-applicable]";
            return Applies::Undeclared(what.to_owned());
        }
        Applies::Yes
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        let Some(usual) = baseline(bench).await? else { return Ok(()) };
        let cases = cases(bench.manifest());
        let count = cases.len();
        let limit = refusal_limit(bench.manifest(), usual);
        let repeated = &AtomicU32::new(0);
        let tries = cases.iter().enumerate().map(|(at, case)| async move {
            let first = attempt(bench, case, 1, limit, (at + 1, count)).await?;
            // Where its port is taken away, it may rightly listen elsewhere for good.
            let elsewhere = cases::carries_the_port(bench.manifest(), &case.variable);
            let waited = first == Some(Readiness::Never)
                && (case.expected == Expectation::Refuses || !elsewhere);
            if waited && repeated.fetch_add(1, Ordering::Relaxed) < REPEATED {
                for round in 2..=ROUNDS {
                    attempt(bench, case, round, limit, (at + 1, count)).await?;
                }
            }
            Ok::<_, LabError>(())
        });
        future::try_join_all(tries).await.map(|_| ())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        let trials = by_trial(seen);
        (judge::account(manifest, &trials), judge::judge(manifest, &trials))
    }
}

/// The positive control: with everything in place it starts. Returns how long that took.
async fn baseline(bench: &Bench) -> Result<Option<Duration>, LabError> {
    bench.progress("starting it with everything in place");
    let trial = bench.trial(BASELINE);
    trial.saw(Seen::Trial { subject: BASELINE.into(), method: BASELINE.into(), round: 1 });
    let mut instance = bench.instance().await?;
    let mut usual = None;
    if let Some(mut running) = instance.start(&trial, None).await? {
        if let Readiness::Ready { after } = running.wait_ready(bench.patience()).await {
            // One that only forked away and answered once is no steady state.
            running.stays_ready(SETTLE).await;
            usual = Some(after);
        }
        running.kill().await;
    }
    instance.end().await;
    Ok(usual)
}

/// How long a refusal may take: what is declared, else the larger of the start limit and ten times
/// a good start.
fn refusal_limit(manifest: &Manifest, usual: Duration) -> Duration {
    let declared = manifest.controls.environment.within.map(|span| span.0);
    declared.unwrap_or_else(|| manifest.controls.startup.within.0.max(usual * 10))
}

async fn attempt(
    bench: &Bench,
    case: &Case,
    round: u32,
    limit: Duration,
    (at, of): (usize, usize),
) -> Result<Option<Readiness>, LabError> {
    let mut instance = bench.instance().await?;
    bench.progress(format!("{} {} ({at} of {of})", case.variable, case.method));
    let trial = bench.trial(&format!("{}/{}/{round}", case.variable, case.method));
    let (subject, method) = (case.variable.clone(), case.method.clone());
    trial.saw(Seen::Trial { subject, method, round });
    let mutation = Mutation { variable: case.variable.clone(), value: case.value.clone() };
    let mut readiness = None;
    if let Some(mut running) = instance.start(&trial, Some(&mutation)).await? {
        // Without its port variable a service may rightly listen elsewhere, for good.
        let short = case.expected == Expectation::Refuses
            || cases::carries_the_port(bench.manifest(), &case.variable);
        let patience = if short { limit } else { bench.patience() };
        readiness = Some(running.wait_ready(patience).await);
        running.kill().await;
    }
    instance.end().await;
    Ok(readiness)
}
