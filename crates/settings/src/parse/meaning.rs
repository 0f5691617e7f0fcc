//! What a schema cannot say: names that must exist, values that must fit their own declaration.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Mistake;
use super::schema_walk::nearest;
use crate::dependency::Dependency;
use crate::environment::{Variable, VariableType, Via};
use crate::manifest::Manifest;
use crate::service::Port;
use crate::template;

type Places = BTreeMap<String, Range<usize>>;

pub(super) fn mistakes(manifest: &Manifest, places: &Places) -> Vec<Mistake> {
    let mut all = Vec::new();
    let at = |path: &str| places.get(path).cloned().unwrap_or(0..0);
    for (name, variable) in &manifest.environment {
        variable_mistakes(name, variable, &at, &mut all);
    }
    for (name, dependency) in &manifest.dependencies {
        dependency_mistakes(name, dependency, &at, &mut all);
    }
    for (path, text) in templates(manifest) {
        for name in template::names(&text) {
            if let Some(help) = unknown_placeholder(manifest, name) {
                let message = format!("unknown placeholder {{{name}}}");
                all.push(Mistake::new(at(&path), message).help(Some(help)));
            }
        }
    }
    if !says_its_port(manifest) {
        let message = "the manifest does not say how the service learns its port";
        let help = "put {port} into service.start, a variable or a file, or declare \
                    port = { env = \"PORT\" } or a fixed port = 8080";
        all.push(Mistake::new(at("service.start"), message).help(Some(help.to_owned())));
    }
    probe_mistakes(manifest, &at, &mut all);
    control_mistakes(manifest, &at, &mut all);
    id_mistakes(manifest, &at, &mut all);
    all
}

fn variable_mistakes(
    name: &str,
    variable: &Variable,
    at: &impl Fn(&str) -> Range<usize>,
    all: &mut Vec<Mistake>,
) {
    let path = format!("environment.{name}");
    let key = |key: &str| at(&format!("{path}.{key}"));
    if variable.kind == VariableType::Enum && variable.values.is_empty() {
        let help = Some("add values = [\"…\"]".to_owned());
        let message = format!("{name} is an enum, expected its values, found none");
        all.push(Mistake::new(at(&path), message).help(help));
    }
    if variable.kind != VariableType::Enum && !variable.values.is_empty() {
        let message = format!("{name} has values but is of type {}", variable.kind.word());
        all.push(Mistake::new(key("values"), message).help(Some("type = \"enum\"".to_owned())));
    }
    match &variable.value {
        None if variable.required && !variable.is_secret() => {
            let help = "add value = \"…\", which is used only in the lab, or required = false";
            let message = format!("{name} is required, expected a value for the lab, found none");
            all.push(Mistake::new(at(&path), message).help(Some(help.to_owned())));
        }
        Some(value) if template::names(value).next().is_none() => {
            if let Some(mistake) = variable.mistake_in(value) {
                let message = format!("the value of {name} breaks its own declaration: {mistake}");
                all.push(Mistake::new(key("value"), message));
            }
        }
        _ => {}
    }
    if let (Some(min), Some(max)) = (variable.min, variable.max)
        && min > max
    {
        all.push(Mistake::new(key("min"), format!("{name}: min {min} is above max {max}")));
    }
    if name.is_empty() || name.contains(['=', '\0']) {
        all.push(Mistake::new(at(&path), format!("{name:?} cannot be the name of a variable")));
    }
}

fn dependency_mistakes(
    name: &str,
    dependency: &Dependency,
    at: &impl Fn(&str) -> Range<usize>,
    all: &mut Vec<Mistake>,
) {
    let path = format!("dependencies.{name}");
    let kind = dependency.kind.word();
    if dependency.url.is_none() && !dependency.kind.is_provided() {
        let help = "add url = \"…\" and disposable = true, if everything in it may be destroyed";
        let message = format!("the lab cannot start a {kind} by itself, expected its url");
        all.push(Mistake::new(at(&path), message).help(Some(help.to_owned())));
    }
    if dependency.url.is_some() && !dependency.disposable {
        let help = "add disposable = true, but only if everything in it may be destroyed";
        let message = format!("experiments would write to the {kind} at this url");
        all.push(Mistake::new(at(&format!("{path}.url")), message).help(Some(help.to_owned())));
    }
}

/// Every text that may hold placeholders, with its path.
fn templates(manifest: &Manifest) -> Vec<(String, String)> {
    let service = &manifest.service;
    let command = |path: &str, command: &crate::Command| (path.to_owned(), command.0.join(" "));
    let mut all = vec![command("service.start", &service.start)];
    all.extend(service.setup.iter().map(|step| command("service.setup", step)));
    all.extend(service.after_ready.iter().map(|step| command("service.after_ready", step)));
    all.extend(service.reset.iter().map(|step| command("service.reset", step)));
    all.extend(manifest.environment.iter().filter_map(|(name, variable)| {
        Some((format!("environment.{name}.value"), variable.value.clone()?))
    }));
    let files = service.files.iter();
    all.extend(files.map(|(name, text)| (format!("service.files.{name}"), text.clone())));
    all
}

/// What a dependency's placeholder may end in: its address in the spelling of drivers, and its parts.
const DEPENDENCY_PARTS: &[&str] =
    &["url", "postgresql_url", "jdbc_url", "host", "port", "user", "password", "name", "ca"];
/// What can be filled in everywhere.
const PLAIN: [&str; 4] = ["port", "host", "scratch", "folder"];

/// What is wrong with a placeholder, if anything.
fn unknown_placeholder(manifest: &Manifest, name: &str) -> Option<String> {
    let (head, tail) = name.split_once('.').unwrap_or((name, ""));
    match (head, tail) {
        ("port" | "host" | "scratch" | "folder", "") => None,
        ("port", port) if manifest.service.ports.iter().any(|known| known == port) => None,
        ("port", port) => Some(format!("add {port:?} to service.ports")),
        ("environment", variable) if manifest.environment.contains_key(variable) => None,
        ("environment", variable) => Some(format!("declare [environment.{variable}]")),
        (head, tail) if manifest.dependencies.contains_key(head) => (!DEPENDENCY_PARTS
            .contains(&tail))
        .then(|| format!("a dependency has {}", DEPENDENCY_PARTS.join(", "))),
        (head, "") => Some(
            nearest(head, PLAIN.into_iter())
                .map_or_else(|| valid(manifest), |near| format!("did you mean {{{near}}}?")),
        ),
        (head, tail) => {
            let near = nearest(head, manifest.dependencies.keys().map(String::as_str));
            Some(near.map_or_else(
                || format!("declare [dependencies.{head}]"),
                |near| format!("did you mean {{{near}.{tail}}}?"),
            ))
        }
    }
}

/// Everything that could stand there, with the names of this manifest.
fn valid(manifest: &Manifest) -> String {
    let dependency = manifest.dependencies.keys().next().map_or("database", String::as_str);
    format!(
        "valid are {{{}}}, {{environment.NAME}}, and of a declared dependency {{{dependency}.url}}, \
         {{{dependency}.postgresql_url}}, {{{dependency}.jdbc_url}}, {{{dependency}.host}}, .port, \
         .user, .password, .name and .ca",
        PLAIN.join("}, {")
    )
}

fn says_its_port(manifest: &Manifest) -> bool {
    manifest.service.port.is_some()
        || templates(manifest)
            .iter()
            .any(|(_, text)| template::names(text).any(|name| name == "port"))
}

fn probe_mistakes(manifest: &Manifest, at: &impl Fn(&str) -> Range<usize>, all: &mut Vec<Mistake>) {
    let service = &manifest.service;
    for (key, probe) in [("ready", &service.ready), ("live", &service.live)] {
        let Some(port) = probe.as_ref().and_then(|probe| probe.0.port.as_ref()) else { continue };
        if !service.ports.contains(port) {
            let help = Some(format!("add it: ports = [{port:?}]"));
            let message = format!("the port {port:?} is not one of service.ports");
            all.push(Mistake::new(at(&format!("service.{key}")), message).help(help));
        }
    }
    if let Some(Port::Env(name)) = &service.port
        && let Some(variable) = manifest.environment.get(name)
        && variable.via == Via::Template
    {
        let message = format!("{name} carries the port, so it cannot be via = \"template\"");
        all.push(Mistake::new(at(&format!("environment.{name}.via")), message));
    }
}

/// Names of journeys and requests in the controls' settings.
fn control_mistakes(
    manifest: &Manifest,
    at: &impl Fn(&str) -> Range<usize>,
    all: &mut Vec<Mistake>,
) {
    let graceful = &manifest.controls.graceful_shutdown;
    let outage = &manifest.controls.dependency_outage;
    for (path, name) in [
        ("controls.graceful-shutdown.journey", &graceful.journey),
        ("controls.dependency-outage.journey", &outage.journey),
    ] {
        let Some(name) = name.as_ref().filter(|name| !manifest.journeys.contains_key(*name)) else {
            continue;
        };
        let near = nearest(name, manifest.journeys.keys().map(String::as_str));
        let help = near.map(|near| format!("did you mean {near:?}?"));
        all.push(Mistake::new(at(path), format!("there is no journey {name:?}")).help(help));
    }
    for (path, request) in [
        ("controls.graceful-shutdown.slow_request", &graceful.slow_request),
        ("controls.dependency-outage.request", &outage.request),
    ] {
        let is_request = |text: &str| {
            text.split_once(' ').is_some_and(|(method, path)| {
                path.trim().starts_with('/') && method.chars().all(|c| c.is_ascii_uppercase())
            })
        };
        if let Some(text) = request.as_ref().filter(|text| !is_request(text)) {
            let message = format!("expected a request such as \"GET /items\", found {text:?}");
            all.push(Mistake::new(at(path), message));
        }
    }
}

fn id_mistakes(manifest: &Manifest, at: &impl Fn(&str) -> Range<usize>, all: &mut Vec<Mistake>) {
    let named = manifest.not_applicable.keys().map(|id| (format!("not-applicable.{id}"), id));
    let waived = manifest.waivers.keys().map(|id| (format!("waivers.{id}"), id));
    let supplied = manifest.supply.controls.iter().map(|id| ("supply.controls".to_owned(), id));
    for (path, id) in named.chain(waived).chain(supplied) {
        if model::catalogue::find(id).is_none() {
            let near = nearest(id, model::catalogue::ENTRIES.iter().map(|entry| entry.id));
            let help = near.map(|near| format!("did you mean {near}?"));
            all.push(Mistake::new(at(&path), format!("unknown control {id}")).help(help));
        }
    }
    for (id, reason) in manifest.not_applicable.iter().filter(|(_, text)| text.trim().is_empty()) {
        let message = format!("expected the reason why {id} does not apply, found {reason:?}");
        all.push(Mistake::new(at(&format!("not-applicable.{id}")), message));
    }
    for (id, waiver) in manifest.waivers.iter().filter(|(_, waiver)| !is_date(&waiver.expires)) {
        let message = format!("expected a day such as 2027-01-31, found {:?}", waiver.expires);
        all.push(Mistake::new(at(&format!("waivers.{id}.expires")), message));
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |text: &str, digits: usize| {
        (text.len() == digits).then(|| text.parse::<u32>().ok()).flatten()
    };
    number(year, 4).is_some()
        && number(month, 2).is_some_and(|month| (1..=12).contains(&month))
        && number(day, 2).is_some_and(|day| {
            let short = matches!(number(month, 2), Some(4 | 6 | 9 | 11));
            let last = if number(month, 2) == Some(2) { 29 } else { 31 - u32::from(short) };
            (1..=last).contains(&day)
        })
}
