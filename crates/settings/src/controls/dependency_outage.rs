use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// While a critical dependency is away, requests fail fast and clean, and service resumes by
/// itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DependencyOutage {
    /// The longest time that a request may take while the dependency is away.
    pub within: Span,
    /// The longest time from the return of the dependency to the first good answer.
    pub recover_within: Span,
    /// How long one fault of each dependency is held at least. Some services give up only after
    /// a while.
    pub hold: Span,
    /// A request that needs the dependency, for example `GET /items`; otherwise the last step
    /// with a body of the journey.
    pub request: Option<String>,
    /// The journey to take the request from; the first one by default.
    pub journey: Option<String>,
    /// The status codes that are promised while it is away; any error code by default, with a
    /// warning for those that do not say "try again later".
    pub status: Vec<u16>,
}

impl Default for DependencyOutage {
    fn default() -> Self {
        Self {
            within: Span::seconds(5),
            recover_within: Span::seconds(10),
            hold: Span::seconds(12),
            request: None,
            journey: None,
            status: Vec::new(),
        }
    }
}
