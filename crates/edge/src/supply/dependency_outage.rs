//! Requests that an outage would hold are answered in time.

use super::Supply;
use super::whereabouts::of_dependencies;

pub(super) static SUPPLY: Supply = Supply {
    id: "dependency-outage",
    how: "answers 503 in time while a critical dependency is away",
    its_own: &["no-recovery"],
    missing_facts: of_dependencies,
    declare: |supplied, asked, _| {
        // What is left of the promised time is for the answer itself.
        let within = asked.manifest.controls.dependency_outage.within.0;
        supplied.outage = Some(within.mul_f64(0.8));
    },
    ..Supply::NOTHING
};
