//! Bodies are limited in size and time.

use std::time::Duration;

use super::Supply;

pub(super) static SUPPLY: Supply = Supply {
    id: "body-limits",
    how: "refuses large, slow and inflating bodies",
    its_own: &["accepts-broken", "fails"],
    declare: |supplied, asked, _| {
        let own = &asked.manifest.controls.body_limits;
        let slow = own.slow.map_or(Duration::from_secs(60), |slow| slow.0.mul_f64(0.8));
        supplied.body_limits.max = Some(own.max.0);
        supplied.body_limits.within = Some(slow);
    },
    ..Supply::NOTHING
};
