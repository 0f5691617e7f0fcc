//! What must hold before a release may go to an environment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// A gate before an environment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Controls that must have passed, whatever else fails; by default, none may have failed.
    #[serde(default)]
    pub required: Vec<String>,
    /// The least score, 0 to 100.
    #[serde(default)]
    pub min_score: Option<f64>,
    /// The least share of applicable controls that were decided, in percent.
    #[serde(default)]
    pub min_coverage: Option<u8>,
    /// How old the evidence may be; 30 days by default, when it expires anyway.
    #[serde(default)]
    pub max_age: Option<Span>,
    /// Whether evidence of a work tree that differs from its commit will do; it will not by default.
    #[serde(default)]
    pub dirty: bool,
    /// Old failures are let through: only what held in the base and does not hold now closes the
    /// gate.
    #[serde(default)]
    pub ratchet: bool,
}
