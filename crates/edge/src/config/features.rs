//! Flags and switches that the edge decides: which routes they gate, and how they stand at first.

use std::collections::BTreeMap;

use http::StatusCode;
use layers::{Gate, RoutePattern, Setting};
use settings::Manifest;

use super::problem::Problem;
use crate::supply::path_of;

/// `GET /quotes` as a method and a path; `/quotes` is of any method.
pub(super) fn route(text: &str) -> RoutePattern {
    match text.split_once(' ') {
        Some((method, path)) => {
            RoutePattern { method: method.parse().ok(), path: path_of(path.trim()) }
        }
        None => RoutePattern { method: None, path: path_of(text) },
    }
}

/// A route that is refused while its feature is off; a problem where no request says which.
pub(crate) fn gate(
    flag: &str,
    text: Option<&str>,
    status: u16,
    code: String,
    key: &str,
    problems: &mut Vec<Problem>,
) -> Option<Gate> {
    let Some(text) = text else {
        problems.push(format!("{key} is to be supplied, but has no request that says which route"));
        return None;
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    Some(Gate { flag: flag.to_owned(), route: route(text), status, code })
}

/// How each flag and switch is at the start, and what the service is told instead.
pub(super) fn features(
    manifest: &Manifest,
    has: &impl Fn(&str) -> bool,
    values: &BTreeMap<String, String>,
) -> (Vec<(String, Setting)>, BTreeMap<String, String>) {
    let (mut flags, mut forced) = (Vec::new(), BTreeMap::new());
    let controls = &manifest.controls;
    for (name, switch) in controls.kill_switches.switches.iter().filter(|_| has("kill-switches")) {
        let off = values.get(&switch.variable).is_some_and(|value| means(value, &switch.off));
        flags.push((name.clone(), Setting::plain(!off)));
        forced.insert(switch.variable.clone(), switch.on.clone());
    }
    for (name, flag) in controls.feature_flags.flags.iter().filter(|_| has("feature-flags")) {
        if !flag.required {
            let on = values.get(&flag.variable).is_some_and(|value| means(value, &flag.on));
            flags.push((name.clone(), Setting::plain(on)));
            forced.insert(flag.variable.clone(), flag.on.clone());
        }
    }
    (flags, forced)
}

/// Whether a value says the same: `0` is `false`, whichever of them the manifest declares.
fn means(value: &str, declared: &str) -> bool {
    let meaning = settings::truth(value);
    value == declared || (meaning.is_some() && meaning == settings::truth(declared))
}
