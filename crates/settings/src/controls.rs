//! The settings of each control: `[controls.ID]`.

mod api_versions;
mod body_limits;
mod compression;
mod correlation_ids;
mod cors;
mod dependency_outage;
mod environment;
mod error_envelope;
mod error_mapping;
mod exposure;
mod feature_flags;
mod graceful_shutdown;
mod health_report;
mod https_only;
mod input_validation;
mod kill_switches;
mod liveness;
mod metrics;
mod pagination;
mod private_logs;
mod readiness;
mod security_headers;
mod startup;
mod uploads;

pub use api_versions::{ApiVersions, VersionStyle};
pub use body_limits::BodyLimits;
pub use compression::Compression;
pub use correlation_ids::CorrelationIds;
pub use cors::Cors;
pub use dependency_outage::DependencyOutage;
pub use environment::Environment;
pub use error_envelope::{ErrorEnvelope, Shape};
pub use error_mapping::ErrorMapping;
pub use exposure::Exposure;
pub use feature_flags::{FeatureFlags, Flag};
pub use graceful_shutdown::GracefulShutdown;
pub use health_report::HealthReport;
pub use https_only::{EnforcedBy, HttpsOnly};
pub use input_validation::InputValidation;
pub use kill_switches::{KillSwitches, Switch};
pub use liveness::Liveness;
pub use metrics::Metrics;
pub use pagination::Pagination;
pub use private_logs::PrivateLogs;
pub use readiness::{OnLoss, Readiness};
pub use security_headers::SecurityHeaders;
pub use startup::Startup;
pub use uploads::Uploads;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of every control that is built. Ids of the catalogue that are not built yet parse
/// too and are reported.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Controls {
    /// It starts every time, within its limit.
    pub startup: Startup,
    /// A stop signal drops no request.
    pub graceful_shutdown: GracefulShutdown,
    /// The liveness probe answers fast and depends on nothing.
    pub liveness: Liveness,
    /// Readiness says no while a critical dependency is away, and yes again without a restart.
    pub readiness: Readiness,
    /// It refuses to start when a variable is absent, empty or malformed, and names it.
    pub environment: Environment,
    /// While a critical dependency is away, requests fail fast and clean, and service resumes.
    pub dependency_outage: DependencyOutage,
    /// `/health` tells the truth in its declared shape.
    pub health_report: HealthReport,
    /// Experimental features are off unless turned on; a required flag that is off refuses.
    pub feature_flags: FeatureFlags,
    /// A switch turns its feature off with 503 and its own code, and nothing else.
    pub kill_switches: KillSwitches,
    /// Internal routes, docs, metrics, databases and caches are not public in production.
    pub exposure: Exposure,
    /// Plain HTTP is redirected, HSTS is set, certificates are valid.
    pub https_only: HttpsOnly,
    /// The headers that matter for its content are on every answer, errors too.
    pub security_headers: SecurityHeaders,
    /// Only the declared origins are allowed.
    pub cors: Cors,
    /// Oversized, slow and malformed bodies are refused cheaply.
    pub body_limits: BodyLimits,
    /// No input makes it fail: hostile and generated input gets 4xx, never 5xx.
    pub input_validation: InputValidation,
    /// Uploads are checked by size, type and content.
    pub uploads: Uploads,
    /// Every list is bounded.
    pub pagination: Pagination,
    /// The API is versioned and unknown versions are refused clearly.
    pub api_versions: ApiVersions,
    /// Text is compressed, static files cacheable.
    pub compression: Compression,
    /// Every error has one shape with code, message and status, and leaks nothing.
    pub error_envelope: ErrorEnvelope,
    /// Duplicates are 409, bad references 4xx, conflicts retryable: database errors become stable codes.
    pub error_mapping: ErrorMapping,
    /// Every request has an id, echoed, and found again in the logs.
    pub correlation_ids: CorrelationIds,
    /// No password, token, card or personal datum reaches logs or error reports.
    pub private_logs: PrivateLogs,
    /// Rate, errors, duration and saturation are exported with route templates.
    pub metrics: Metrics,
}
