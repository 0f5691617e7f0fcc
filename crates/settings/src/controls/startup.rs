use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// It starts every time, within its limit (5 s by default).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Startup {
    /// The longest time from the start of the process to the first ready answer.
    pub within: Span,
    /// How many cold starts are tried, each on new state. At least 3.
    #[schemars(range(min = 3, max = 100))]
    pub cold: u32,
    /// How many restarts are tried on the state that the last one left. At least 1.
    #[schemars(range(min = 1, max = 100))]
    pub restarts: u32,
    /// How long it must go on answering ready after the first ready answer.
    pub settle: Span,
}

impl Default for Startup {
    fn default() -> Self {
        Self { within: Span::seconds(5), cold: 3, restarts: 2, settle: Span::millis(300) }
    }
}
