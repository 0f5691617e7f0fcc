use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// It refuses to start when a required variable is absent, empty or malformed, and names it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Environment {
    /// How long a refusal may take. By default the larger of the start limit and ten times the
    /// time that a good start took in the same run.
    pub within: Option<Span>,
}
