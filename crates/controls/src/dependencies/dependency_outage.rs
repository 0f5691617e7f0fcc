//! While a critical dependency is away, requests fail fast and clean, and service resumes.

mod judge;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use lab::fault::{Fault, Kind};
use lab::{Bench, Instance, LabError, Readiness, Running, TrialLog};
use model::{Account, Applicability, Card, Lane, Observation, Reach, Ruling, Seen};
use settings::Manifest;
use tokio::time::sleep;

use crate::control::{Applies, Control};
use crate::trials::by_trial;
use crate::work_request::{self, WorkRequest};

pub(crate) struct DependencyOutage;

static CARD: Card = Card {
    id: "dependency-outage",
    applicability: Applicability::Declared,
    reach: Reach::Lab,
    lane: Lane::Quiet,
    disturbs: "its own instances and their dependencies",
    budget: 10,
    page: include_str!("dependency_outage.md"),
};

/// The clients of a round, by when they come.
const CONTROL: &str = "control";
const DURING: &str = "during";
const AFTER: &str = "after";
/// How many requests meet the fault at once, and how many after them.
const AT_ONCE: usize = 3;
/// A round in which it did not come back is repeated once: two of two decide.
const ROUNDS: u32 = 2;
/// After so many of them, more waiting teaches nothing.
const ENOUGH: u32 = 4;
const BETWEEN: Duration = Duration::from_millis(100);
/// A slow dependency: longer than a bounded request should wait.
const SLOW: Duration = Duration::from_secs(8);

fn faults() -> [(&'static str, Fault); 5] {
    let slow = Kind::Latency { delay: SLOW, jitter: Duration::ZERO };
    [
        ("refused", Fault::new(Kind::Refuse)),
        ("reset", Fault::new(Kind::Reset)),
        ("hanging", Fault::new(Kind::Hang)),
        ("slow", Fault::down(slow)),
        ("cut", Fault::down(Kind::Cut { after: 20 })),
    ]
}

#[async_trait]
impl Control for DependencyOutage {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn applies(&self, manifest: &Manifest) -> Applies {
        let settings = &manifest.controls.dependency_outage;
        if manifest.dependencies.is_empty() {
            let what = "declare what it depends on ([dependencies.database] kind = \"postgres\"), \
                        or say under [not-applicable] that it depends on nothing";
            return Applies::Undeclared(what.to_owned());
        }
        if !manifest.dependencies.values().any(|dependency| dependency.critical) {
            return Applies::No("none of its dependencies is critical".to_owned());
        }
        if !work_request::is_declared(manifest, settings.request.as_deref()) {
            let what = "declare a request that needs the dependency: a journey, or \
                        [controls.dependency-outage] request = \"GET /…\"";
            return Applies::Undeclared(what.to_owned());
        }
        Applies::Yes
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        let critical = bench.manifest().dependencies.iter().filter(|(_, d)| d.critical);
        let names: Vec<String> = critical.map(|(name, _)| name.clone()).collect();
        let mut stuck = 0;
        for name in &names {
            for (word, fault) in faults() {
                for round in 1..=ROUNDS {
                    bench.progress(format!("{name} {word}, round {round}"));
                    if attempt(bench, name, word, fault, round).await? {
                        break;
                    }
                    stuck += 1;
                }
                if stuck >= ENOUGH {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        let trials = by_trial(seen);
        (judge::account(manifest, &trials), judge::judge(manifest, &trials))
    }
}

/// One round. Whether it came back, so that no further one is needed.
async fn attempt(
    bench: &Bench,
    name: &str,
    word: &str,
    fault: Fault,
    round: u32,
) -> Result<bool, LabError> {
    let trial = bench.trial(&format!("{name}/{word}/{round}"));
    trial.saw(Seen::Trial { subject: name.into(), method: word.into(), round });
    let mut instance = bench.instance().await?;
    let mut back = true;
    if let Some(mut running) = instance.start(&trial, None).await? {
        let patience = bench.patience();
        if matches!(running.wait_ready(patience).await, Readiness::Ready { .. }) {
            back = lose_and_return(bench, &instance, &running, &trial, (name, word), fault).await;
            if running.process().exit().is_some() {
                running.wait_exit(Duration::ZERO).await;
            }
        }
        running.kill().await;
    }
    instance.end().await;
    Ok(back)
}

async fn lose_and_return(
    bench: &Bench,
    instance: &Instance,
    running: &Running,
    trial: &TrialLog,
    (name, word): (&str, &str),
    fault: Fault,
) -> bool {
    let settings = &bench.manifest().controls.dependency_outage;
    let (request, journey) = (settings.request.as_deref(), settings.journey.as_deref());
    let persons = 1 + AT_ONCE + 1;
    let business = WorkRequest::prepare(bench, instance, trial, request, journey, persons).await;
    let Some(mut business) = business else { return true };
    instance.saw_traffic(trial, name);
    let Some(request) = business.request() else { return true };
    let good =
        work_request::send(instance, trial, CONTROL, &request, Duration::from_secs(10)).await;
    if good.status().is_none_or(|status| status >= 500) {
        return true;
    }
    instance.fault(trial, name, fault, word).await;
    // Longer than what is promised, so that "late" and "never" can be told apart.
    let longest = settings.within.0 + Duration::from_secs(2);
    let at_once = (0..AT_ONCE).filter_map(|_| business.request());
    let sending: Vec<_> = at_once
        .map(|request| async move {
            work_request::send(instance, trial, DURING, &request, longest).await
        })
        .collect();
    futures_util::future::join_all(sending).await;
    if let Some(request) = business.request() {
        work_request::send(instance, trial, DURING, &request, longest).await;
    }
    instance.heal(trial, name).await;
    let healed = Instant::now();
    while healed.elapsed() < settings.recover_within.0 && running.process().exit().is_none() {
        let outcome = business.try_anew(instance, trial, AFTER, longest).await;
        if outcome.status() == good.status() {
            return true;
        }
        sleep(BETWEEN).await;
    }
    false
}
