//! While a critical dependency is away, requests fail fast and clean, and service resumes by
//! itself.

mod judge;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future;
use lab::{Bench, LabError};
use model::declaration::{A_DEPENDENCY, A_JOURNEY};
use model::{Account, Applicability, Card, Lane, Observation, Reach, Ruling};
use settings::Manifest;

use crate::control::{Applies, Control};
use crate::outage::{self, Loss, Observer};
use crate::trials::by_trial;
use crate::work_request;

pub(crate) struct DependencyOutage;

static CARD: Card = Card {
    id: "dependency-outage",
    applicability: Applicability::Declared,
    reach: Reach::Lab,
    lane: Lane::Quiet,
    disturbs: "its own instances and their dependencies",
    budget: 20,
    decided_by: &[A_DEPENDENCY, A_JOURNEY],
    page: include_str!("dependency_outage.md"),
};

/// A round in which it did not come back is repeated once: two of two decide.
const ROUNDS: u32 = 2;
/// After so many of them, more waiting teaches nothing.
const ENOUGH: u32 = 4;
const LOSSES: [Loss; 5] = [Loss::Refused, Loss::Reset, Loss::Hanging, Loss::Slow, Loss::Cut];

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

    fn waits(&self, manifest: &Manifest, start: Duration) -> Duration {
        outage::waits(manifest, start)
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        let critical = bench.manifest().dependencies.iter().filter(|(_, d)| d.critical);
        let names: Vec<String> = critical.map(|(name, _)| name.clone()).collect();
        let stuck = &AtomicU32::new(0);
        let all = names.iter().flat_map(|name| LOSSES.map(|loss| (name, loss)));
        let rounds = all.map(|(name, loss)| async move {
            for round in 1..=ROUNDS {
                let seen = outage::round(bench, Observer::Work, name, loss, round).await?;
                let enough = || stuck.fetch_add(1, Ordering::Relaxed) + 1 >= ENOUGH;
                if judge::came_back(bench.manifest(), &seen) || enough() {
                    break;
                }
            }
            Ok::<_, LabError>(())
        });
        future::try_join_all(rounds).await.map(|_| ())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        let trials = by_trial(seen);
        (judge::account(manifest, &trials), judge::judge(manifest, &trials))
    }
}
