//! Rate, errors and durations by route template, for Prometheus.

use std::sync::Arc;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::observe::{Served, Sink};
use crate::routes::Routes;

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

/// Counts requests. Clones count together.
#[derive(Debug, Clone)]
pub struct Metrics {
    routes: Routes,
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram>,
    in_flight: Gauge,
    registry: Arc<Registry>,
}

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
        let in_flight = Gauge::default();
        let mut registry = Registry::default();
        registry.register("http_requests", "Requests that were served", requests.clone());
        let help = "From the request to the last byte of its answer";
        registry.register("http_request_duration_seconds", help, durations.clone());
        registry.register("http_requests_in_flight", "Requests being served", in_flight.clone());
        Self { routes, requests, durations, in_flight, registry: Arc::new(registry) }
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
        let status = served.status.map_or(499, |status| status.as_u16());
        let route = self.routes.of(served.uri.path(), status);
        let method = method(served);
        let labels = Request { method, route: Arc::clone(&route), status: status.into() };
        self.requests.get_or_create(&labels).inc();
        let took = served.took.as_secs_f64();
        self.durations.get_or_create(&Route { method, route }).observe(took);
    }
}
