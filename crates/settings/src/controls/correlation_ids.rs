use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every request has an id, echoed, and found again in the logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CorrelationIds {
    /// The header of the answer that carries the id; one of the usual names by default.
    pub header: Option<String>,
    /// An id that a caller sends is taken over; without it, the service makes its own.
    pub accept: bool,
}

impl Default for CorrelationIds {
    fn default() -> Self {
        Self { header: None, accept: true }
    }
}
