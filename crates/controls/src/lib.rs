//! The catalogue: every control that can be tried, one file each.
//!
//! A control measures (`prove` drives the bench and only observes) and concludes (`judge`, a pure
//! function of the manifest and the observations); the two never meet.

mod access;
pub mod baseline;
mod configuration;
mod control;
mod dependencies;
mod lifecycle;
mod observability;
mod outage;
mod surface;
mod traffic;
pub mod trials;
mod work_request;

pub use control::{Applies, Control};

/// A request for each operation that a description of an interface has (OpenAPI 3.x, Swagger 2.0),
/// with made-up values; `{{unique}}` stands where two people must differ.
pub fn described_requests(document: &serde_json::Value) -> Vec<client::Request> {
    let mut all = traffic::input_validation::openapi::requests(document, &[]);
    for request in &mut all {
        let body = String::from_utf8_lossy(&request.body);
        request.body = body.replace("somebody@example.com", "{{unique}}@example.com").into_bytes();
    }
    all
}

/// Every control that is built, in the order of the documentation.
pub const CONTROLS: &[&dyn Control] = &[
    &lifecycle::startup::Startup,
    &lifecycle::graceful_shutdown::GracefulShutdown,
    &lifecycle::liveness::Liveness,
    &lifecycle::readiness::Readiness,
    &lifecycle::health_report::HealthReport,
    &configuration::environment::Environment,
    &configuration::feature_flags::FeatureFlags,
    &configuration::kill_switches::KillSwitches,
    &dependencies::dependency_outage::DependencyOutage,
    &access::exposure::Exposure,
    &traffic::https_only::HttpsOnly,
    &traffic::security_headers::SecurityHeaders,
    &traffic::cors::Cors,
    &traffic::body_limits::BodyLimits,
    &traffic::input_validation::InputValidation,
    &traffic::uploads::Uploads,
    &traffic::pagination::Pagination,
    &traffic::api_versions::ApiVersions,
    &traffic::compression::Compression,
    &observability::error_envelope::ErrorEnvelope,
    &observability::error_mapping::ErrorMapping,
    &observability::correlation_ids::CorrelationIds,
    &observability::private_logs::PrivateLogs,
    &observability::metrics::Metrics,
];

/// The control with this id.
pub fn find(id: &str) -> Option<&'static dyn Control> {
    CONTROLS.iter().copied().find(|control| control.card().id == id)
}

#[cfg(test)]
mod tests;
