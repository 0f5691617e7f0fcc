//! User paths.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A user path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    /// The `.hurl` file, relative to the manifest.
    pub file: String,
    /// Whether it only reads.
    #[serde(default)]
    pub safe: bool,
}
