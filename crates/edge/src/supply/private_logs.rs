//! The service's output is scrubbed.

use settings::Manifest;

use super::Supply;

pub(super) static SUPPLY: Supply = Supply {
    id: "private-logs",
    how: "masks secrets and personal data in the service's output",
    missing_facts: a_file_of_its_own,
    declare: |supplied, _, _| supplied.scrub = true,
    ..Supply::NOTHING
};

fn a_file_of_its_own(manifest: &Manifest) -> Vec<String> {
    let told =
        |file| format!("{file} is the service's own file; the edge masks its stdout and stderr");
    manifest.service.log_file.iter().map(told).collect()
}
