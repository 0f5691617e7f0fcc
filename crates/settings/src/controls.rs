//! The settings of each control: `[controls.ID]`.

mod environment;
mod startup;

pub use environment::Environment;
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
    /// It refuses to start when a variable is absent, empty or malformed, and names it.
    pub environment: Environment,
}
