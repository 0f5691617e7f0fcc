//! The readiness probe, answered by the edge from what it sees of the dependencies.

use settings::Manifest;

use super::Supply;
use super::whereabouts::{of_dependencies, path_of, probe};
use crate::config::Problem;

pub(super) static SUPPLY: Supply = Supply {
    id: "readiness",
    how: "answers the probe from what it sees of the declared dependencies",
    missing_facts: of_dependencies,
    declare: |supplied, asked, problems| {
        let probe = probe("readiness", "service.ready", &asked.manifest.service.ready, problems);
        supplied.ready = probe;
        problems.extend(one_path_for_two(asked.manifest));
    },
    ..Supply::NOTHING
};

/// One path cannot be both probes: readiness says no while a dependency is away, liveness must not.
fn one_path_for_two(manifest: &Manifest) -> Option<Problem> {
    let (ready, live) = (manifest.service.ready.as_ref()?, manifest.service.live.as_ref()?);
    let same = path_of(&ready.0.path) == path_of(&live.0.path) && ready.0.port == live.0.port;
    let told = manifest.dependencies.values().any(|dependency| dependency.critical);
    (same && told).then(|| {
        format!(
            "service.ready and service.live are both {}, and the edge can answer only one of them \
             there; give service.live a path of its own, /live for example, and supply liveness too",
            ready.0.path
        )
    })
}
