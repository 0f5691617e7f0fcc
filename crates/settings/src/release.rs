//! What a release is made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::service::Command;

/// A release, and the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// How the previous release is started, beside the new one.
    #[serde(default)]
    pub previous: Option<Command>,
    /// The path at which the service tells its version.
    #[serde(default)]
    pub version_path: Option<String>,
    /// Where the version stands in that answer, as a JSONPath.
    #[serde(default)]
    pub version: Option<String>,
}
