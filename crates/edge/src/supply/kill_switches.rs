//! Routes of switches that are off are refused.

use super::Supply;
use crate::config::gate;

pub(super) static SUPPLY: Supply = Supply {
    id: "kill-switches",
    how: "refuses the routes of a switch that is off; switches change while it runs",
    declare: |supplied, asked, problems| {
        for (name, switch) in &asked.manifest.controls.kill_switches.switches {
            let code = switch.code.clone().unwrap_or_else(|| format!("{name}_unavailable"));
            let key = format!("controls.kill-switches.switches.{name}");
            let gate = gate(name, switch.request.as_deref(), switch.status, code, &key, problems);
            supplied.gates.extend(gate);
        }
    },
    ..Supply::NOTHING
};
