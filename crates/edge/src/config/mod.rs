//! From the manifest to how the edge works. Pure: what is wrong is found before anything starts, all
//! of it at once.

mod features;
mod limits;
mod lockouts;
mod problem;
mod shared_store;
mod supplied;
mod tls;
mod tokens;
mod websocket;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use layers::{LimitRule, LockoutRule, Setting};
use redact::Style;
use settings::supply::{Http2, Masks};
use settings::{Manifest, Probe, Restart, Supply};

use crate::dependency::Dependency;
use crate::ingress_check::Range;
use crate::supply::Asked;
use crate::websocket::SocketLimits;

use self::features::features;
pub(crate) use self::features::gate;
pub use self::problem::Problem;
pub(crate) use self::shared_store::SharedConfig;
pub(crate) use self::supplied::ListenerPath;
pub use self::supplied::Supplied;
pub use self::tls::TlsConfig;
pub(crate) use self::tokens::KeyOrigin;
pub use self::tokens::TokenConfig;

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
    pub client_timeout: Duration,
    /// The certificates of the main public address; plain HTTP without any.
    pub tls: TlsConfig,
    /// Whether a hangup goes on to the service.
    pub(crate) passes_hangup: bool,
    /// Whether trusted proxies speak the PROXY protocol at the main address.
    pub(crate) proxy_protocol: bool,
    pub(crate) http2: Http2,
    /// Whether the service itself speaks HTTP/2 at its main port.
    pub(crate) service_http2: bool,
    pub(crate) limits: Vec<LimitRule>,
    pub(crate) lockouts: Vec<LockoutRule>,
    pub(crate) sockets: SocketLimits,
    /// Where is counted together with others.
    pub(crate) shared: Option<SharedConfig>,
    /// The tokens that callers must show; nobody is asked for any without.
    pub tokens: Option<TokenConfig>,
    pub(crate) trusted: Arc<Vec<Range>>,
    pub(crate) proto: HeaderName,
    pub routes: Vec<String>,
    pub masks: Style,
    /// Paths whose segments in braces are secret.
    pub private_paths: Vec<String>,
    pub workers: usize,
    /// Whether the place of one that runs is taken.
    pub take_over: bool,
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
        let trusted = trusted(&supply.trusted_proxies, &mut problems);
        problems.extend(no_time(supply));
        problems.extend(forwards_no_tls(manifest));
        let header = &manifest.controls.https_only.header;
        let proto = header.parse().unwrap_or_else(|_| {
            problems.push(format!("controls.https-only.header: {header:?} is no header's name"));
            HeaderName::from_static("x-forwarded-proto")
        });
        for id in supplied.iter().filter(|id| crate::supply::find(id).is_none()) {
            let ids: Vec<_> = crate::supply::ALL.iter().map(|supply| supply.id).collect();
            let near = settings::parse::nearest(id, ids.iter().copied());
            let near = near.map(|near| format!(" (did you mean {near}?)")).unwrap_or_default();
            problems.push(format!("{id} cannot be supplied{near}; these can: {}", ids.join(", ")));
        }
        let asked = Asked { manifest, ids: supplied, proto: &proto };
        let parts = crate::supply::declare(&asked, &mut problems);
        let tls = tls::tls(supply.tls.as_ref(), values, &mut problems);
        let limits = limits::limits(&supply.limits, &mut problems);
        let shared = supply.shared.as_ref();
        let shared = shared.and_then(|own| shared_store::shared(own, values, &mut problems));
        let lockouts = lockouts::lockouts(&supply.lockouts, &mut problems);
        let sockets = websocket::sockets(&supply.websocket, &mut problems);
        let tokens = supply.tokens.as_ref();
        let tokens = tokens.and_then(|own| tokens::tokens(own, values, &mut problems));
        let (flags, forced) = features(manifest, &has, values);
        if !problems.is_empty() {
            return Err(problems);
        }
        let lag = manifest.service.ready.as_ref().map_or(Duration::from_secs(2), |r| r.0.lag.0);
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
            secrets: secrets(manifest, values),
            access_log: supply.access_log.unwrap_or(has("correlation-ids")),
            concurrency: supply.concurrency,
            timeout: supply.timeout.0,
            header_timeout: supply.header_timeout.0,
            client_timeout: supply.client_timeout.0,
            tls,
            passes_hangup: supply.pass_hangup,
            proxy_protocol: supply.proxy_protocol,
            http2: supply.http2,
            service_http2: supply.service_http2,
            limits,
            lockouts,
            sockets,
            shared,
            tokens,
            trusted: Arc::new(trusted),
            proto,
            routes: Vec::new(),
            masks: masks(manifest, values),
            private_paths: manifest.controls.private_logs.paths.clone(),
            workers: 1,
            take_over: false,
            admin: None,
            addresses,
        })
    }
}

/// The values that may never be printed, by their names.
fn secrets(manifest: &Manifest, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let secret =
        |name: &&String| manifest.environment.get(*name).is_some_and(settings::Variable::is_secret);
    values.keys().filter(secret).map(|name| (name.clone(), values[name].clone())).collect()
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

/// Who may say where a request comes from.
fn trusted(texts: &[String], problems: &mut Vec<Problem>) -> Vec<Range> {
    let mut ranges = Vec::new();
    for text in texts {
        match Range::parse(text) {
            Some(range) => ranges.push(range),
            None => problems.push(format!(
                "supply.trusted_proxies: expected an address or a range such as 10.0.0.0/8, found {text:?}"
            )),
        }
    }
    ranges
}

/// Times in which nothing could happen.
fn no_time(supply: &Supply) -> Vec<Problem> {
    let spans = [
        ("timeout", supply.timeout),
        ("header_timeout", supply.header_timeout),
        ("client_timeout", supply.client_timeout),
    ];
    let none = spans.into_iter().filter(|(_, span)| span.0.is_zero());
    none.map(|(key, span)| format!("supply.{key}: expected more than nothing, found {span}"))
        .collect()
}

/// What it says of a service that ends TLS itself.
fn forwards_no_tls(manifest: &Manifest) -> Option<Problem> {
    let problem = "service.tls is true: the service ends TLS itself, and the edge forwards plain \
                   HTTP only";
    manifest.service.tls.then(|| problem.to_owned())
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
        let text = format!(
            "{MANIFEST}\n[supply]\ntrusted_proxies = [\"10.0.0.0/99\"]\ntimeout = \"0s\"\n"
        );
        let problems =
            config(&text, &["metrics", "liveness", "pagination"], &[]).expect_err("wrong");
        assert_eq!(problems.len(), 5, "{problems:?}");
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
        for (value, on) in
            [("false", false), ("0", false), ("Off", false), ("true", true), ("", true)]
        {
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
