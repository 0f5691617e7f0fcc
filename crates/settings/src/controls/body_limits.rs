use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

use crate::size::Size;

/// Oversized, slow and malformed bodies are refused cheaply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BodyLimits {
    /// The largest body that is accepted. Twice as much must be refused. 64 MiB by default, which no
    /// JSON interface needs.
    pub max: Size,
    /// The request whose body is tried, for example `POST /items`; by default the first step of a
    /// journey with a JSON body.
    pub request: Option<String>,
    /// How long a body may trickle in; without it, slow bodies are not tried.
    pub slow: Option<Span>,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { max: Size(64 << 20), request: None, slow: None }
    }
}
