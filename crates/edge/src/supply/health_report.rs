//! The health report, answered by the edge.

use layers::Report;
use settings::Manifest;

use super::Supply;
use super::whereabouts::{of_dependencies, path_of};

pub(super) static SUPPLY: Supply = Supply {
    id: "health-report",
    how: "answers the report from what it sees of the declared dependencies",
    missing_facts: of_dependencies,
    declare: |supplied, asked, problems| {
        let declared = &asked.manifest.controls.health_report;
        match &declared.path {
            Some(path) => {
                supplied.report = Some((declared.port.clone(), report(asked.manifest, path)));
            }
            None => problems.push(
                "health-report is to be supplied, but controls.health-report.path does not say where"
                    .to_owned(),
            ),
        }
    },
    ..Supply::NOTHING
};

fn report(manifest: &Manifest, path: &str) -> Report {
    let declared = &manifest.controls.health_report;
    Report {
        path: path_of(path),
        healthy_status: declared.healthy_status,
        degraded_status: declared.degraded_status,
        word: declared.word.clone(),
        healthy: declared.healthy.clone(),
        degraded: declared.degraded.clone(),
        dependencies: declared.dependencies.clone(),
        timestamp: declared.timestamp.clone(),
    }
}
