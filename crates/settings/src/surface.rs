//! Parts of the service with expectations of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of the service with expectations of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// The prefix of its paths. Where several match, the longest counts.
    pub prefix: String,
    /// What it serves.
    pub serves: Serves,
    /// Unknown paths are answered with 200, as a single-page app does.
    #[serde(default)]
    pub catch_all: bool,
    /// Requests that it answers with success, for example `GET /about`, where no journey shows any.
    #[serde(default)]
    pub requests: Vec<String>,
}

/// What a surface serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Serves {
    /// Machine-readable answers.
    Api,
    /// Pages for people.
    Html,
}
