use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// A stop signal drops no request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GracefulShutdown {
    /// The longest time from the stop signal to the end of the process.
    pub within: Span,
    /// How long after the signal new connections are still promised an answer. Without it, a
    /// refused new connection is as it should be.
    pub drain: Option<Span>,
    /// How many times each way of catching a request in flight is tried. At least 3.
    #[schemars(range(min = 3, max = 100))]
    pub rounds: u32,
    /// A request that takes a second or longer by itself, for example `GET /delay/2`.
    pub slow_request: Option<String>,
    /// The journey whose last step with a body is caught in flight; the first one by default.
    pub journey: Option<String>,
    /// It must end with 0; otherwise 143 and an end by the signal itself are a note.
    pub exit_zero: bool,
    /// It is run as process 1 of a container, so ignoring the signal there is a failure.
    pub pid_1: bool,
}

impl Default for GracefulShutdown {
    fn default() -> Self {
        Self {
            within: Span::seconds(10),
            drain: None,
            rounds: 3,
            slow_request: None,
            journey: None,
            exit_zero: false,
            pid_1: false,
        }
    }
}
