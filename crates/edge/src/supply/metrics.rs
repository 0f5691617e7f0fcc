//! Every request is measured by its route.

use super::Supply;
use super::whereabouts::path_of;
use crate::config::ListenerPath;

pub(super) static SUPPLY: Supply = Supply {
    id: "metrics",
    how: "measures every request by its route",
    declare: |supplied, asked, problems| {
        let declared = &asked.manifest.controls.metrics;
        match &declared.path {
            Some(path) => {
                let (port, path) = (declared.port.clone(), path_of(path));
                supplied.metrics = Some(ListenerPath { port, path });
            }
            None => problems.push(
                "metrics is to be supplied, but controls.metrics.path does not say where"
                    .to_owned(),
            ),
        }
    },
    ..Supply::NOTHING
};
