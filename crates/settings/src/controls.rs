//! The settings of each control: `[controls.ID]`.

mod dependency_outage;
mod environment;
mod graceful_shutdown;
mod liveness;
mod readiness;
mod startup;

pub use dependency_outage::DependencyOutage;
pub use environment::Environment;
pub use graceful_shutdown::GracefulShutdown;
pub use liveness::Liveness;
pub use readiness::{OnLoss, Readiness};
pub use startup::Startup;

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
}
