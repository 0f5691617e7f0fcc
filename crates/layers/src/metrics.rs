//! Rate, errors and durations by route template, for Prometheus.

use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::observe::{Served, Sink};
use crate::routes::{Routes, UNMATCHED};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    route: Arc<String>,
    status: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: &'static str,
    route: Arc<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    rule: Cow<'static, str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

/// Counts WebSockets. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct SocketMetrics {
    open: Gauge,
    closed: Family<Why, Counter>,
    seconds: Counter<f64, AtomicU64>,
}

impl SocketMetrics {
    /// One was opened: when.
    pub fn opened(&self) -> Instant {
        self.open.inc();
        Instant::now()
    }

    /// It was closed, for this reason.
    pub fn closed(&self, began: Instant, why: &'static str) {
        self.open.dec();
        self.closed.get_or_create(&Why { why }).inc();
        self.seconds.inc_by(began.elapsed().as_secs_f64());
    }
}

/// Counts requests. Clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    routes: Routes,
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram>,
    refusals: Family<Refused, Counter>,
    shadow: Family<Refused, Counter>,
    in_flight: Gauge,
    sockets: SocketMetrics,
    registry: Arc<Registry>,
    /// Tells these metrics from all others of the process.
    number: usize,
}

static NUMBERS: AtomicUsize = AtomicUsize::new(0);

fn histogram() -> Histogram {
    // 1 ms to 16 s.
    Histogram::new(exponential_buckets(0.001, 2.0, 15))
}

impl Metrics {
    /// The media type of [`Metrics::text`].
    pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    pub fn new(routes: Routes) -> Self {
        let requests = Family::default();
        let durations: Family<Route, Histogram> = Family::new_with_constructor(histogram);
        let (refusals, shadow) = (Family::default(), Family::default());
        let in_flight = Gauge::default();
        let mut registry = Registry::default();
        registry.register("http_requests", "Requests that were served", requests.clone());
        let help = "From the request to the last byte of its answer";
        registry.register("http_request_duration_seconds", help, durations.clone());
        let help = "Requests that a layer refused, by the code of its rule";
        registry.register("http_refusals", help, refusals.clone());
        let help = "Requests that a rule in the shadow would have refused";
        registry.register("http_refusals_shadow", help, shadow.clone());
        registry.register("http_requests_in_flight", "Requests being served", in_flight.clone());
        let sockets = SocketMetrics::default();
        registry.register("websockets_open", "WebSockets that are open", sockets.open.clone());
        let help = "WebSockets that have ended, and why";
        registry.register("websockets_closed", help, sockets.closed.clone());
        let help = "How long those that have ended were open, together";
        registry.register("websockets_open_seconds", help, sockets.seconds.clone());
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Self {
            routes,
            requests,
            durations,
            refusals,
            shadow,
            in_flight,
            sockets,
            registry: Arc::new(registry),
            number,
        }
    }

    /// For those who hold WebSockets.
    pub fn sockets(&self) -> SocketMetrics {
        self.sockets.clone()
    }

    /// Everything in OpenMetrics' text format. `in_flight` is how many are being served now.
    pub fn text(&self, in_flight: usize) -> String {
        self.in_flight.set(i64::try_from(in_flight).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

/// Methods that nobody heard of are one, or they would make series without end.
fn method(served: &Served) -> &'static str {
    match served.method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

impl Sink for Metrics {
    fn served(&self, served: &Served) {
        if let Some(rule) = &served.refused {
            self.refusals.get_or_create(&Refused { rule: rule.clone() }).inc();
        }
        if let Some(rule) = &served.would_refuse {
            self.shadow.get_or_create(&Refused { rule: rule.clone() }).inc();
        }
        let status = served.status.map_or(499, |status| status.as_u16());
        let (path, method) = (served.uri.path(), method(served));
        let took = served.took.as_secs_f64();
        let key = Key { of: self.number, method, status };
        let counted = RECENT.with_borrow(|recent| {
            let known = recent.iter().find(|one| one.key == key && one.path == path);
            known.map(|one| one.series.count(took))
        });
        if counted.is_some() {
            return;
        }
        let route = self.routes.of(path, status);
        // What is no route may become one.
        let is_route = *route != UNMATCHED;
        let series = self.series(method, route, status);
        series.count(took);
        if is_route && path.len() <= LONGEST_KEPT {
            let path = path.to_owned();
            RECENT.with_borrow_mut(|recent| {
                recent.truncate(MOST_KEPT - 1);
                recent.insert(0, Recent { key, path, series });
            });
        }
    }
}

impl Metrics {
    fn series(&self, method: &'static str, route: Arc<String>, status: u16) -> Series {
        let labels = Request { method, route: Arc::clone(&route), status: status.into() };
        Series {
            requests: self.requests.get_or_create(&labels).clone(),
            durations: self.durations.get_or_create(&Route { method, route }).clone(),
        }
    }
}

/// The two series that a request counts in.
#[derive(Debug)]
struct Series {
    requests: Counter,
    durations: Histogram,
}

impl Series {
    fn count(&self, took: f64) {
        self.requests.inc();
        self.durations.observe(took);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    /// The number of the metrics that it belongs to.
    of: usize,
    method: &'static str,
    status: u16,
}

/// A path that was served a moment ago.
#[derive(Debug)]
struct Recent {
    key: Key,
    path: String,
    series: Series,
}

/// So many are kept by each thread: to find a series by its labels costs more than to look at these.
const MOST_KEPT: usize = 8;
const LONGEST_KEPT: usize = 256;

thread_local! {
    static RECENT: RefCell<Vec<Recent>> = const { RefCell::new(Vec::new()) };
}
