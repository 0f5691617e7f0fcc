//! Reasoned exceptions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A failure that is accepted for a while. It earns nothing in the score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Why it is acceptable.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds, as YYYY-MM-DD.
    pub expires: String,
}
