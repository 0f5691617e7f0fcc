use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The API is versioned and unknown versions are refused clearly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiVersions {
    /// Where the version stands. Without it, the paths of the journeys are looked at.
    pub style: Option<VersionStyle>,
    /// The version that is served, as it is written: `v1`, or the value of the header.
    pub current: String,
    /// The header that carries it.
    pub header: String,
}

impl Default for ApiVersions {
    fn default() -> Self {
        Self { style: None, current: "v1".to_owned(), header: "API-Version".to_owned() }
    }
}

/// Where the version of an API stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VersionStyle {
    /// In the path: `/v1/items`.
    Path,
    /// In a header of the request.
    Header,
}
