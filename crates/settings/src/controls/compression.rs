use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Text is compressed, static files cacheable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Compression {
    /// A request with a long answer; by default the longest one of the journeys.
    pub request: Option<String>,
    /// Static files, for example `/app.js`.
    pub files: Vec<String>,
}
