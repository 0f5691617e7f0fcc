//! The manifest that an inference amounts to, each line with where it comes from.

use crate::dependencies::Kind;
use crate::{Inferred, Seen};

/// Where journeys that were inferred stand, beside the stored runs.
pub const JOURNEY: &str = ".seaworthy/inferred/first.hurl";

/// The manifest as text. `journey` is the path of the journey's file, where there is one.
pub fn text(inferred: &Inferred, seen: &Seen, journey: Option<&str>) -> String {
    let mut out = Lines::default();
    service(&mut out, inferred, seen);
    variables(&mut out, inferred, seen);
    for dependency in &inferred.dependencies {
        out.head(&format!("dependencies.{}", dependency.kind.name()), &dependency.from);
        out.line(format!("kind = {}", quoted(dependency.kind.word())), "");
        // Whether a cache may be missed stands nowhere.
        if dependency.kind != Kind::Redis {
            out.line(format!("critical = {}", dependency.kind.is_critical()), "");
        }
    }
    if let Some(path) = journey {
        out.head("journeys.first", "requests that succeeded when they were tried");
        out.line(format!("file = {}", quoted(path)), "");
    }
    let document = seen.document.as_ref().map(|path| (path, "answered when it was asked"));
    let in_repository = || Some((&inferred.document.as_ref()?.value, "it is in the repository"));
    if let Some((path, from)) = document.or_else(in_repository) {
        out.head("controls.input-validation", "");
        out.line(format!("openapi = {}", quoted(path)), from);
    }
    if let Some(path) = &seen.metrics {
        out.head("controls.metrics", "");
        out.line(format!("path = {}", quoted(path)), "answered when it was asked");
    }
    if seen.pages {
        out.head("surfaces.pages", "it answers HTML");
        out.line("prefix = \"/\"", "");
        out.line("serves = \"html\"", "");
    }
    let needs = !inferred.dependencies.is_empty() || !inferred.unknown_clients.is_empty();
    if !needs && !inferred.lists.is_empty() && !seen.reached_out {
        let lists = inferred.lists.join(", ");
        let why = format!(
            "no known client of a database or a cache in {lists}, and it reached for nothing"
        );
        let why = quoted(&why);
        out.head("not-applicable", "");
        out.line(format!("readiness = {why}"), "");
        out.line(format!("dependency-outage = {why}"), "");
    }
    out.0
}

fn service(out: &mut Lines, inferred: &Inferred, seen: &Seen) {
    let start = &inferred.start;
    out.head("service", "");
    out.line(format!("name = {}", quoted(&inferred.name)), "the folder's name");
    if let Some(build) = &start.build {
        out.line(format!("build = {}", quoted(&build.value)), &build.from);
    }
    let words: Vec<_> = start.command.value.iter().map(|word| quoted(word)).collect();
    out.line(format!("start = [{}]", words.join(", ")), &start.command.from);
    if let Some(port) = seen.port {
        out.line(format!("port = {port}"), "seen at run time; it takes no other");
    } else if let Some(port) = &start.port {
        out.line(format!("port = {{ env = {} }}", quoted(&port.value)), &port.from);
    }
    if !inferred.setup.is_empty() {
        let steps: Vec<_> = inferred.setup.iter().map(|step| quoted(&step.value)).collect();
        let from: Vec<_> = inferred.setup.iter().map(|step| step.from.as_str()).collect();
        out.line(format!("setup = [{}]", steps.join(", ")), &from.join(", "));
    }
    if let Some(path) = &seen.ready {
        out.line(format!("ready = {}", quoted(path)), "answered when it was asked");
    }
    if let Some(path) = liveness(inferred, seen) {
        out.line(format!("live = {}", quoted(path)), "answered when it was asked");
    }
}

/// Where it says that it is alive. One path for both probes is the readiness probe where there is
/// something to be ready for: nobody said that an orchestrator may restart the service by it.
fn liveness<'a>(inferred: &Inferred, seen: &'a Seen) -> Option<&'a String> {
    let for_both = seen.live == seen.ready && !inferred.dependencies.is_empty();
    seen.live.as_ref().filter(|_| !for_both)
}

fn variables(out: &mut Lines, inferred: &Inferred, seen: &Seen) {
    let port = inferred.start.port.as_ref().map(|port| &port.value);
    for variable in &inferred.variables {
        if Some(&variable.name) == port && seen.port.is_some() {
            continue;
        }
        out.head(&format!("environment.{}", variable.name), &variable.from);
        out.line(format!("type = {}", quoted(variable.kind)), "");
        if let Some(value) = &variable.value {
            out.line(format!("value = {}", quoted(value)), "");
        }
        if !variable.values.is_empty() {
            let values: Vec<_> = variable.values.iter().map(|value| quoted(value)).collect();
            out.line(format!("values = [{}]", values.join(", ")), "");
        }
        if !variable.required {
            out.line("required = false", "");
        }
        // Whether it may be absent stands nowhere; a port may.
        if !variable.required && Some(&variable.name) != port {
            out.line("absent = \"any\"", "say whether it starts or refuses");
        }
    }
}

/// The lines of a manifest, each with where it comes from.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn line(&mut self, text: impl AsRef<str>, from: &str) {
        let comment = if from.is_empty() { String::new() } else { format!("  # {from}") };
        self.0.push_str(&format!("{}{comment}\n", text.as_ref()));
    }

    /// The head of a table, after an empty line.
    fn head(&mut self, name: &str, from: &str) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.line(format!("[{name}]"), from);
    }
}

/// What was inferred, in a line each, for people.
pub fn summary(inferred: &Inferred, seen: &Seen) -> Vec<String> {
    let start = &inferred.start;
    let mut all = Vec::new();
    if let Some(build) = &start.build {
        all.push(format!("build `{}` ({})", build.value, build.from));
    }
    let unwrapped = if start.unwrapped { ", its own program so that signals reach it" } else { "" };
    all.push(format!(
        "start `{}` ({}{unwrapped})",
        start.command.value.join(" "),
        start.command.from
    ));
    match (seen.port, &start.port) {
        (Some(port), _) => all.push(format!("port {port} (seen at run time)")),
        (None, Some(port)) => all.push(format!("its port by {} ({})", port.value, port.from)),
        (None, None) => {}
    }
    for dependency in &inferred.dependencies {
        all.push(format!("{} ({})", dependency.kind.word(), dependency.from));
    }
    for client in &inferred.unknown_clients {
        all.push(format!(
            "a client of {} ({}), which the lab does not start",
            client.value, client.from
        ));
    }
    for step in &inferred.setup {
        all.push(format!("set-up `{}` ({})", step.value, step.from));
    }
    let variables: Vec<_> = inferred.variables.iter().map(|one| one.name.as_str()).collect();
    if !variables.is_empty() {
        all.push(format!("the variables {}", variables.join(", ")));
    }
    if let Some(call) = inferred.calls.first() {
        let count = inferred.calls.len();
        all.push(format!("{count} requests of the Postman collection {}", call.from));
    }
    for (what, path) in [
        ("readiness", seen.ready.as_ref()),
        ("liveness", liveness(inferred, seen)),
        ("a description", seen.document.as_ref()),
        ("metrics", seen.metrics.as_ref()),
    ] {
        if let Some(path) = path {
            all.push(format!("{what} at {path} (it answered)"));
        }
    }
    all
}

fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string().trim().to_owned()
}
