//! From the manifest to how the edge works. Pure: what is wrong is found before anything starts, all
//! of it at once.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use layers::{
    BodyLimits, Correlation, Cors, Envelope, Gate, Https, Report, SecurityHeaders, Setting, Shape,
};
use redact::Style;
use settings::supply::Masks;
use settings::{Manifest, Probe, Restart, Serves};

use crate::dependency::Dependency;
use crate::entry::Range;

/// Something in the manifest or on the command line that cannot work, in words.
pub type Problem = String;

/// One public address and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Its name in `service.ports`; `None` for the main port.
    pub name: Option<String>,
    pub public: SocketAddr,
    /// Where the service itself listens.
    pub service: SocketAddr,
}

/// How the service lives.
#[derive(Debug, Clone)]
pub struct Life {
    pub ready: Option<Probe>,
    pub live: Option<Probe>,
    pub patience: Duration,
    pub restart: Restart,
    /// The signal that asks it to stop; the one that seaworthy was sent where nothing is declared.
    pub stop_signal: &'static str,
}

/// How a stop goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// From the signal until no more connections are taken; meanwhile the probe says no.
    pub unready: Duration,
    /// From the signal to the end.
    pub within: Duration,
}

/// Everything that is supplied.
#[derive(Debug, Clone)]
pub struct Supplied {
    pub(crate) correlation: Option<Correlation>,
    pub(crate) security_headers: Option<SecurityHeaders>,
    pub(crate) cors: Option<Cors>,
    pub(crate) https: Option<Https>,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) body_limits: BodyLimits,
    pub(crate) compress: bool,
    pub(crate) live: Option<Place>,
    pub(crate) ready: Option<Place>,
    pub(crate) report: Option<(Option<String>, Report)>,
    pub(crate) metrics: Option<Place>,
    /// How long a request may take while a critical dependency is away.
    pub(crate) outage: Option<Duration>,
    pub(crate) gates: Vec<Gate>,
    pub(crate) scrub: bool,
}

/// A path on one of the listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) port: Option<String>,
    pub(crate) path: String,
}

/// How the edge works.
#[derive(Debug, Clone)]
pub struct Config {
    pub addresses: Vec<Address>,
    pub life: Life,
    pub drain: Drain,
    pub supplied: Supplied,
    pub dependencies: Vec<Dependency>,
    /// How long it may take until the loss of a dependency is noticed.
    pub lag: Duration,
    pub flags: Vec<(String, Setting)>,
    pub flags_file: Option<PathBuf>,
    /// Variables that the service gets another value of: a feature that the edge gates is on for it.
    pub forced: BTreeMap<String, String>,
    /// Values that may never be printed, by their names.
    pub secrets: BTreeMap<String, String>,
    pub access_log: bool,
    pub concurrency: usize,
    pub timeout: Duration,
    pub header_timeout: Duration,
    pub(crate) trusted: Arc<Vec<Range>>,
    pub(crate) proto: HeaderName,
    pub routes: Vec<String>,
    pub masks: Style,
    /// Paths whose segments in braces are secret.
    pub private_paths: Vec<String>,
    pub workers: usize,
    /// The path of the operators' socket; none without one.
    pub admin: Option<PathBuf>,
}

impl Config {
    /// Reads the manifest for these controls. `values` is the environment as the service would get
    /// it.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn new(
        manifest: &Manifest,
        supplied: &[String],
        addresses: Vec<Address>,
        values: &BTreeMap<String, String>,
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let has = |id: &str| supplied.iter().any(|one| one == id);
        let supply = &manifest.supply;
        let mut trusted = Vec::new();
        for text in &supply.trusted_proxies {
            match Range::parse(text) {
                Some(range) => trusted.push(range),
                None => problems.push(format!(
                    "supply.trusted_proxies: expected an address or a range such as 10.0.0.0/8, found {text:?}"
                )),
            }
        }
        let header = &manifest.controls.https_only.header;
        let proto = header.parse().unwrap_or_else(|_| {
            problems.push(format!("controls.https-only.header: {header:?} is no header's name"));
            HeaderName::from_static("x-forwarded-proto")
        });
        for id in supplied.iter().filter(|id| settings::supply::how(id).is_none()) {
            let ids: Vec<_> = settings::supply::SUPPLIED.iter().map(|(id, _)| *id).collect();
            let near = settings::parse::nearest(id, ids.iter().copied());
            let near = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            problems.push(format!("{id} cannot be supplied{near}; these can: {}", ids.join(", ")));
        }
        let parts = supplied_parts(manifest, &has, &proto, &mut problems);
        let (flags, forced) = features(manifest, &has, values);
        if !problems.is_empty() {
            return Err(problems);
        }
        let lag = manifest.service.ready.as_ref().map_or(Duration::from_secs(2), |r| r.0.lag.0);
        let secret = |name: &&String| {
            manifest.environment.get(*name).is_some_and(settings::Variable::is_secret)
        };
        let secrets = values.keys().filter(secret).map(|name| (name.clone(), values[name].clone()));
        Ok(Self {
            life: life(manifest),
            drain: drain(manifest),
            supplied: parts,
            dependencies: crate::dependency::declared(manifest, values),
            lag: if has("health-report") {
                lag.min(manifest.controls.health_report.lag.0)
            } else {
                lag
            },
            flags,
            flags_file: supply.flags.as_ref().map(PathBuf::from),
            forced,
            secrets: secrets.collect(),
            access_log: supply.access_log.unwrap_or(has("correlation-ids")),
            concurrency: supply.concurrency,
            timeout: supply.timeout.0,
            header_timeout: supply.header_timeout.0,
            trusted: Arc::new(trusted),
            proto,
            routes: Vec::new(),
            masks: masks(manifest, values),
            private_paths: manifest.controls.private_logs.paths.clone(),
            workers: 1,
            admin: None,
            addresses,
        })
    }
}

/// How private words are masked.
fn masks(manifest: &Manifest, values: &BTreeMap<String, String>) -> Style {
    match manifest.supply.masks {
        Masks::Kind => Style::Mask,
        Masks::Hash => Style::Hash(match values.get("SEAWORTHY_LOG_KEY") {
            Some(key) => key.clone().into_bytes(),
            None => fastrand::u128(..).to_be_bytes().to_vec(),
        }),
    }
}

fn life(manifest: &Manifest) -> Life {
    let service = &manifest.service;
    Life {
        ready: service.ready.clone(),
        live: service.live.clone(),
        patience: service.patience.0,
        restart: manifest.supply.restart,
        stop_signal: service.stop_signal.name(),
    }
}

/// Nine tenths of the promised time are spent; what is left is for the end itself.
fn drain(manifest: &Manifest) -> Drain {
    let promised = &manifest.controls.graceful_shutdown;
    let within = promised.within.0.mul_f64(0.9);
    let unready = promised.drain.map_or(Duration::from_secs(1), |drain| drain.0.mul_f64(1.2));
    Drain { unready: unready.min(within / 2), within }
}

fn supplied_parts(
    manifest: &Manifest,
    has: &impl Fn(&str) -> bool,
    proto: &HeaderName,
    problems: &mut Vec<Problem>,
) -> Supplied {
    let controls = &manifest.controls;
    let place = |id: &str, probe: &Option<Probe>| {
        let probe = probe.as_ref().filter(|_| has(id))?;
        Some(Place { port: probe.0.port.clone(), path: path_of(&probe.0.path) })
    };
    let report = controls.health_report.path.as_ref().filter(|_| has("health-report"));
    let metrics = controls.metrics.path.as_ref().filter(|_| has("metrics"));
    for (id, key, missing) in [
        ("liveness", "service.live", manifest.service.live.is_none()),
        ("readiness", "service.ready", manifest.service.ready.is_none()),
        ("health-report", "controls.health-report.path", controls.health_report.path.is_none()),
        ("metrics", "controls.metrics.path", controls.metrics.path.is_none()),
    ] {
        if has(id) && missing {
            problems.push(format!("{id} is to be supplied, but {key} does not say where"));
        }
    }
    problems.extend(one_path_for_two(manifest, has));
    Supplied {
        correlation: has("correlation-ids").then(|| correlation(manifest, problems)),
        security_headers: has("security-headers").then(|| headers(manifest, problems)),
        cors: has("cors").then(|| match controls.cors.public {
            true => Cors::public(),
            false => Cors::origins(controls.cors.allow.iter().cloned()),
        }),
        https: has("https-only")
            .then(|| Https::new(proto.clone(), controls.https_only.hsts.0.as_secs())),
        envelope: has("error-envelope").then(|| envelope(manifest)),
        body_limits: match has("body-limits") {
            true => BodyLimits {
                max: Some(controls.body_limits.max.0),
                within: Some(
                    controls
                        .body_limits
                        .slow
                        .map_or(Duration::from_secs(60), |slow| slow.0.mul_f64(0.8)),
                ),
            },
            false => BodyLimits::default(),
        },
        compress: has("compression"),
        live: place("liveness", &manifest.service.live),
        ready: place("readiness", &manifest.service.ready),
        report: report
            .map(|path| (controls.health_report.port.clone(), health_report(manifest, path))),
        metrics: metrics
            .map(|path| Place { port: controls.metrics.port.clone(), path: path_of(path) }),
        outage: has("dependency-outage").then(|| controls.dependency_outage.within.0.mul_f64(0.8)),
        gates: gates(manifest, has, problems),
        scrub: has("private-logs"),
    }
}

/// One path cannot be both probes: readiness says no while a dependency is away, liveness must not.
fn one_path_for_two(manifest: &Manifest, has: &impl Fn(&str) -> bool) -> Option<Problem> {
    let (ready, live) = (manifest.service.ready.as_ref()?, manifest.service.live.as_ref()?);
    let same = path_of(&ready.0.path) == path_of(&live.0.path) && ready.0.port == live.0.port;
    let told = manifest.dependencies.values().any(|dependency| dependency.critical);
    (same && told && has("readiness")).then(|| {
        format!(
            "service.ready and service.live are both {}, and the edge can answer only one of them \
             there; give service.live a path of its own, /live for example, and supply liveness too",
            ready.0.path
        )
    })
}

fn path_of(text: &str) -> String {
    text.split('?').next().unwrap_or(text).to_owned()
}

fn correlation(manifest: &Manifest, problems: &mut Vec<Problem>) -> Correlation {
    let declared = &manifest.controls.correlation_ids;
    let mut correlation = Correlation { accept: declared.accept, ..Correlation::default() };
    if let Some(name) = &declared.header {
        match name.parse() {
            Ok(header) => correlation.header = header,
            Err(_) => problems
                .push(format!("controls.correlation-ids.header: {name:?} is no header's name")),
        }
    }
    correlation
}

fn headers(manifest: &Manifest, problems: &mut Vec<Problem>) -> SecurityHeaders {
    let declared = &manifest.controls.security_headers;
    let mut headers = SecurityHeaders::default();
    for name in &declared.except {
        headers = headers.without(name);
    }
    for text in &declared.require {
        let Some((name, value)) = text.split_once(':') else {
            // The default list may hold it already, with a value.
            let known =
                headers.all.iter().any(|(own, _)| own.as_str().eq_ignore_ascii_case(text.trim()));
            if !known {
                problems.push(format!(
                    "controls.security-headers.require: {text:?} has no value to supply; write \"Name: value\""
                ));
            }
            continue;
        };
        match (name.trim().parse::<HeaderName>(), HeaderValue::from_str(value.trim())) {
            (Ok(name), Ok(value)) => headers = headers.with(name, value),
            _ => problems.push(format!("controls.security-headers.require: {text:?} is no header")),
        }
    }
    headers
}

fn envelope(manifest: &Manifest) -> Envelope {
    let declared = &manifest.controls.error_envelope;
    let problem = declared.shape == Some(settings::controls::Shape::Problem);
    let shape = match problem || declared.fields.is_empty() {
        true => Shape::Problem,
        false => Shape::Json(declared.fields.clone()),
    };
    let manifest = manifest.clone();
    Envelope::new(shape).pages(move |path| manifest.serves(path) == Serves::Html)
}

fn health_report(manifest: &Manifest, path: &str) -> Report {
    let declared = &manifest.controls.health_report;
    Report {
        path: path_of(path),
        healthy_status: declared.healthy_status,
        degraded_status: declared.degraded_status,
        word: declared.word.clone(),
        healthy: declared.healthy.clone(),
        degraded: declared.degraded.clone(),
        dependencies: declared.dependencies.clone(),
        timestamp: declared.timestamp.clone(),
    }
}

/// `GET /quotes` as a method and a path.
fn request(text: &str) -> (Option<Method>, String) {
    match text.split_once(' ') {
        Some((method, path)) => (method.parse().ok(), path_of(path.trim())),
        None => (None, path_of(text)),
    }
}

fn gates(
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
fn features(
    manifest: &Manifest,
    has: &impl Fn(&str) -> bool,
    values: &BTreeMap<String, String>,
) -> (Vec<(String, Setting)>, BTreeMap<String, String>) {
    let (mut flags, mut forced) = (Vec::new(), BTreeMap::new());
    let controls = &manifest.controls;
    for (name, switch) in controls.kill_switches.switches.iter().filter(|_| has("kill-switches")) {
        let off = values.get(&switch.variable).is_some_and(|value| *value == switch.off);
        flags.push((name.clone(), Setting::plain(!off)));
        forced.insert(switch.variable.clone(), switch.on.clone());
    }
    for (name, flag) in controls.feature_flags.flags.iter().filter(|_| has("feature-flags")) {
        if !flag.required {
            let on = values.get(&flag.variable).is_some_and(|value| *value == flag.on);
            flags.push((name.clone(), Setting::plain(on)));
            forced.insert(flag.variable.clone(), flag.on.clone());
        }
    }
    (flags, forced)
}

impl Address {
    /// Reads a public address: `8080`, `:8080`, `0.0.0.0:8080`, `[::]:8080`.
    ///
    /// # Errors
    /// What was expected.
    pub fn public(text: &str) -> Result<SocketAddr, Problem> {
        let port = text.strip_prefix(':').unwrap_or(text);
        if let Ok(port) = port.parse::<u16>() {
            return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        text.parse().map_err(|_| {
            format!("expected an address such as 8080 or 0.0.0.0:8080, found {text:?}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[service]
name = "a"
start = "a {port}"
[environment.QUOTES]
type = "bool"
required = false
[controls.kill-switches.switches.quotes]
variable = "QUOTES"
request = "GET /quotes"
[controls.error-envelope]
fields = ["code"]
"#;

    fn config(text: &str, ids: &[&str], values: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
        let manifest = settings::parse(text).expect("it is good").manifest;
        let ids: Vec<_> = ids.iter().map(|id| (*id).to_owned()).collect();
        let values = values.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Config::new(&manifest, &ids, Vec::new(), &values)
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let text = format!("{MANIFEST}\n[supply]\ntrusted_proxies = [\"10.0.0.0/99\"]\n");
        let problems =
            config(&text, &["metrics", "liveness", "pagination"], &[]).expect_err("wrong");
        assert_eq!(problems.len(), 4, "{problems:?}");
    }

    #[test]
    fn one_path_is_not_two_probes() {
        let probes = |live: &str| {
            let service = format!("start = \"a {{port}}\"\nready = \"/h\"\nlive = \"{live}\"");
            let text = MANIFEST.replace("start = \"a {port}\"", &service);
            format!("{text}[dependencies.db]\nkind = \"redis\"\ncritical = true\n")
        };
        let told = config(&probes("/h"), &["readiness", "liveness"], &[]).expect_err("one path");
        assert!(told[0].contains("service.live a path of its own"), "{told:?}");
        assert!(config(&probes("/live"), &["readiness", "liveness"], &[]).is_ok());
        assert!(config(&probes("/h"), &["liveness"], &[]).is_ok());
    }

    #[test]
    fn a_switch_is_the_edges_and_always_on_for_the_service() {
        for (value, on) in [("false", false), ("true", true), ("", true)] {
            let config = config(MANIFEST, &["kill-switches"], &[("QUOTES", value)]).expect("good");
            assert_eq!(config.flags, [("quotes".to_owned(), Setting::plain(on))]);
            assert_eq!(config.forced["QUOTES"], "true");
            assert_eq!(config.supplied.gates[0].code, "quotes_unavailable");
        }
    }

    #[test]
    fn nothing_is_supplied_that_was_not_asked_for() {
        let config = config(MANIFEST, &[], &[]).expect("good").supplied;
        assert!(config.correlation.is_none() && config.envelope.is_none() && config.cors.is_none());
        assert!(config.gates.is_empty() && !config.scrub && !config.compress);
    }

    #[test]
    fn addresses_are_read() {
        assert_eq!(Address::public("8080").expect("good").to_string(), "127.0.0.1:8080");
        assert_eq!(Address::public(":80").expect("good").to_string(), "127.0.0.1:80");
        assert_eq!(Address::public("0.0.0.0:80").expect("good").to_string(), "0.0.0.0:80");
        assert!(Address::public("localhost").is_err() && Address::public("70000").is_err());
    }
}
