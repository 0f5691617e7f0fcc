//! What each supplied control puts before the service.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use layers::{
    BodyLimits, Correlation, Cors, Envelope, Gate, Https, Report, SecurityHeaders, Shape,
};
use settings::{Manifest, Probe, Serves};

use super::features::{gates, path_of};
use super::problem::Problem;

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
    pub(crate) live: Option<ListenerPath>,
    pub(crate) ready: Option<ListenerPath>,
    pub(crate) report: Option<(Option<String>, Report)>,
    pub(crate) metrics: Option<ListenerPath>,
    /// How long a request may take while a critical dependency is away.
    pub(crate) outage: Option<Duration>,
    pub(crate) gates: Vec<Gate>,
    pub(crate) scrub: bool,
}

/// A path on one of the listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerPath {
    pub(crate) port: Option<String>,
    pub(crate) path: String,
}

impl Supplied {
    /// The layers of these controls, each with what the manifest promises of it.
    pub(super) fn new(
        manifest: &Manifest,
        has: &impl Fn(&str) -> bool,
        proto: &HeaderName,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let controls = &manifest.controls;
        let place = |id: &str, probe: &Option<Probe>| {
            let probe = probe.as_ref().filter(|_| has(id))?;
            Some(ListenerPath { port: probe.0.port.clone(), path: path_of(&probe.0.path) })
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
        let correlation = has("correlation-ids").then(|| correlation(manifest, problems));
        let ids = correlation.as_ref().map(|correlation| correlation.header.clone());
        Self {
            correlation,
            security_headers: has("security-headers").then(|| headers(manifest, problems)),
            cors: has("cors").then(|| {
                if controls.cors.public {
                    Cors::public()
                } else {
                    Cors::origins(controls.cors.allow.iter().cloned())
                }
            }),
            https: has("https-only")
                .then(|| Https::new(proto.clone(), controls.https_only.hsts.0.as_secs())),
            envelope: has("error-envelope").then(|| envelope(manifest).ids(ids)),
            body_limits: body_limits(manifest, has("body-limits")),
            compress: has("compression"),
            live: place("liveness", &manifest.service.live),
            ready: place("readiness", &manifest.service.ready),
            report: report
                .map(|path| (controls.health_report.port.clone(), health_report(manifest, path))),
            metrics: metrics.map(|path| ListenerPath {
                port: controls.metrics.port.clone(),
                path: path_of(path),
            }),
            outage: has("dependency-outage")
                .then(|| controls.dependency_outage.within.0.mul_f64(0.8)),
            gates: gates(manifest, has, problems),
            scrub: has("private-logs"),
        }
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

/// Nobody may stand still in the middle of a body, whatever else is supplied.
fn body_limits(manifest: &Manifest, supplied: bool) -> BodyLimits {
    let own = &manifest.controls.body_limits;
    let slow = own.slow.map_or(Duration::from_secs(60), |slow| slow.0.mul_f64(0.8));
    BodyLimits {
        max: supplied.then_some(own.max.0),
        within: supplied.then_some(slow),
        stall: Some(manifest.supply.client_timeout.0),
    }
}

fn envelope(manifest: &Manifest) -> Envelope {
    let declared = &manifest.controls.error_envelope;
    let problem = declared.shape == Some(settings::controls::Shape::Problem);
    let shape = if problem || declared.fields.is_empty() {
        Shape::Problem
    } else {
        Shape::Json(declared.fields.clone())
    };
    let also = if shape == Shape::Problem { declared.fields.clone() } else { Vec::new() };
    let manifest = manifest.clone();
    Envelope::new(shape).also(also).pages(move |path| manifest.serves(path) == Serves::Html)
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
