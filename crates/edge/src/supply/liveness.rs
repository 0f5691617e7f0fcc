//! The liveness probe, answered by the edge.

use super::Supply;
use super::whereabouts::probe;

pub(super) static SUPPLY: Supply = Supply {
    id: "liveness",
    how: "answers the probe itself, and no only while the service answers nothing",
    declare: |supplied, asked, problems| {
        let probe = probe("liveness", "service.live", &asked.manifest.service.live, problems);
        supplied.live = probe;
    },
    ..Supply::NOTHING
};
