use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Duplicates are 409, bad references 4xx, conflicts retryable: database errors become stable codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorMapping {
    /// The status code of a duplicate; 409 by default.
    pub duplicate: u16,
}

impl Default for ErrorMapping {
    fn default() -> Self {
        Self { duplicate: 409 }
    }
}
