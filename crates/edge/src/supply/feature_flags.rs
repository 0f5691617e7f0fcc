//! Routes of flags that are off are refused.

use super::Supply;
use crate::config::gate;

pub(super) static SUPPLY: Supply = Supply {
    id: "feature-flags",
    how: "refuses the routes of a flag that is off; flags change while it runs",
    declare: |supplied, asked, problems| {
        let flags = &asked.manifest.controls.feature_flags.flags;
        // A required flag is the service's own start, not a route.
        for (name, flag) in flags.iter().filter(|(_, flag)| !flag.required) {
            let key = format!("controls.feature-flags.flags.{name}");
            let code = "not_found".to_owned();
            let gate = gate(name, flag.request.as_deref(), flag.status, code, &key, problems);
            supplied.gates.extend(gate);
        }
    },
    ..Supply::NOTHING
};
