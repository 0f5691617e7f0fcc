//! Flags and switches that the edge decides: which routes they gate, and how they stand at first.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use layers::{Gate, Setting};
use settings::Manifest;

use super::problem::Problem;

/// `GET /quotes` as a method and a path.
fn request(text: &str) -> (Option<Method>, String) {
    match text.split_once(' ') {
        Some((method, path)) => (method.parse().ok(), path_of(path.trim())),
        None => (None, path_of(text)),
    }
}

/// The routes that are refused while their feature is off.
pub(super) fn gates(
    manifest: &Manifest,
    has: &impl Fn(&str) -> bool,
    problems: &mut Vec<Problem>,
) -> Vec<Gate> {
    let mut gates = Vec::new();
    let mut add = |flag: &str, text: Option<&str>, status: u16, code: String, key: &str| {
        let Some(text) = text else {
            problems
                .push(format!("{key} is to be supplied, but has no request that says which route"));
            return;
        };
        let (method, path) = request(text);
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        gates.push(Gate { flag: flag.to_owned(), method, path, status, code });
    };
    let controls = &manifest.controls;
    for (name, switch) in controls.kill_switches.switches.iter().filter(|_| has("kill-switches")) {
        let code = switch.code.clone().unwrap_or_else(|| format!("{name}_unavailable"));
        let key = format!("controls.kill-switches.switches.{name}");
        add(name, switch.request.as_deref(), switch.status, code, &key);
    }
    for (name, flag) in controls.feature_flags.flags.iter().filter(|_| has("feature-flags")) {
        // A required flag is the service's own start, not a route.
        if !flag.required {
            let key = format!("controls.feature-flags.flags.{name}");
            add(name, flag.request.as_deref(), flag.status, "not_found".to_owned(), &key);
        }
    }
    gates
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

/// A path without its query.
pub(super) fn path_of(text: &str) -> String {
    text.split('?').next().unwrap_or(text).to_owned()
}
