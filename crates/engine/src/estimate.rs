//! How long a run will take: what the last one took, or what the waits take that its promises demand.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use settings::Manifest;

use crate::plan::{Plan, What};
use crate::store::Store;

/// How long the start of a service is taken to be that was never seen.
const UNKNOWN_START: Duration = Duration::from_secs(1);
/// Beside the experiments: databases, set-up, the baseline, cleaning up.
const AROUND: Duration = Duration::from_secs(2);
/// So many stored runs are looked through for the last one that tried everything.
const RECENT: usize = 20;

/// What earlier runs took, by control.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Earlier {
    seconds: BTreeMap<String, f64>,
    /// Beside the experiments, where a run says it.
    around: Option<f64>,
}

impl Earlier {
    /// What stands in the stored runs below `out`: the last run that tried everything, or else the
    /// last one. Nothing when there is none that can be read.
    pub fn read(out: &Path) -> Self {
        let runs = Store::recent(out, RECENT).into_iter().filter_map(|store| store.read_run().ok());
        let runs: Vec<_> = runs.filter(|run| run.supplied.is_none()).collect();
        let Some(run) = runs.iter().find(|run| !run.is_part).or(runs.first()) else {
            return Self::default();
        };
        let seconds = run.seconds.iter().filter(|(_, seconds)| *seconds > 0.0).cloned().collect();
        Self { seconds, around: (run.around > 0.0).then_some(run.around) }
    }

    fn of(&self, id: &str) -> Option<Duration> {
        self.seconds.get(id).map(|seconds| Duration::from_secs_f64(*seconds))
    }
}

/// How long a run and its parts will take.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Each control that is tried: how long, and whether it was measured.
    pub controls: Vec<(&'static str, Duration, bool)>,
    /// What decides how long it takes: one after the other.
    pub critical: Vec<&'static str>,
    pub total: Duration,
}

/// Estimates a plan.
pub fn estimate(manifest: &Manifest, plan: &Plan, earlier: &Earlier) -> Estimate {
    let tried = plan.steps.iter().filter(|step| step.what == What::Try);
    let controls: Vec<_> = tried
        .map(|step| {
            let id = step.control.card().id;
            let measured = earlier.of(id);
            let promised = || step.control.waits(manifest, UNKNOWN_START);
            (id, measured.unwrap_or_else(promised), measured.is_some())
        })
        .collect();
    let alone = |id: &str| id == crate::run::STARTUP;
    let first = controls.iter().filter(|(id, ..)| alone(id)).max_by_key(|(_, time, _)| *time);
    let longest = controls.iter().filter(|(id, ..)| !alone(id)).max_by_key(|(_, time, _)| *time);
    let critical: Vec<_> = first.into_iter().chain(longest).collect();
    let around = earlier.around.map_or(AROUND, Duration::from_secs_f64);
    Estimate {
        total: around + critical.iter().map(|(_, time, _)| *time).sum::<Duration>(),
        critical: critical.into_iter().map(|(id, ..)| *id).collect(),
        controls,
    }
}

/// The controls that decide within so long, starts alone included.
pub fn within(manifest: &Manifest, plan: &Plan, earlier: &Earlier, limit: Duration) -> Vec<String> {
    let all = estimate(manifest, plan, earlier);
    let around = earlier.around.map_or(AROUND, Duration::from_secs_f64);
    let startup = all.controls.iter().find(|(id, ..)| *id == crate::run::STARTUP);
    let left = limit.saturating_sub(around);
    // Where starts alone take most of it, they are left out.
    let startup = startup.map(|(_, time, _)| *time).filter(|time| *time <= left / 2);
    let left = left.saturating_sub(startup.unwrap_or_default());
    let fits = |id: &str, time: Duration| match id {
        crate::run::STARTUP => startup.is_some(),
        _ => time <= left,
    };
    let chosen = all.controls.iter().filter(|(id, time, _)| fits(id, *time));
    chosen.map(|(id, ..)| (*id).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let text = "[service]\nname = \"a\"\nstart = \"a --port {port}\"\nlive = \"/live\"\n\
                    [journeys.j]\nfile = \"j.hurl\"\n[controls.graceful-shutdown]\nwithin = \"20s\"\n";
        settings::parse(text).expect("it is good").manifest
    }

    #[test]
    fn the_longest_wait_decides_and_promises_make_it_longer() {
        let (manifest, earlier) = (manifest(), Earlier::default());
        let plan = crate::plan::plan(&manifest, &[]);
        let first = estimate(&manifest, &plan, &earlier);
        assert_eq!(first.critical, ["startup", "graceful-shutdown"]);
        assert!(first.total > Duration::from_secs(24), "{first:?}");
        assert!(first.controls.iter().all(|(_, _, measured)| !measured));
    }

    #[test]
    fn what_was_measured_counts_more() {
        let manifest = manifest();
        let plan = crate::plan::plan(&manifest, &[]);
        let seconds = [("startup", 3.0), ("graceful-shutdown", 5.0), ("cors", 9.0)];
        let seconds = seconds.map(|(id, seconds)| (id.to_owned(), seconds)).into();
        let earlier = Earlier { seconds, around: Some(1.0) };
        let all = estimate(&manifest, &plan, &earlier);
        let of = |id: &str| all.controls.iter().find(|(known, ..)| *known == id).copied();
        assert_eq!(of("cors"), Some(("cors", Duration::from_secs(9), true)));
        assert_eq!(all.total, Duration::from_secs(1 + 3) + of(all.critical[1]).expect("one").1);
    }

    #[test]
    fn quick_takes_what_fits() {
        let manifest = manifest();
        let plan = crate::plan::plan(&manifest, &[]);
        let quick = within(&manifest, &plan, &Earlier::default(), Duration::from_secs(15));
        assert!(quick.iter().any(|id| id == "cors"), "{quick:?}");
        assert!(!quick.iter().any(|id| id == "graceful-shutdown"), "{quick:?}");
    }
}
