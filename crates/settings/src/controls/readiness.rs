use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// Readiness says no while a critical dependency is away, and yes again without a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Readiness {
    /// What the probe says while a critical dependency is away. Where all replicas share it,
    /// `unready` takes them all out at once; `ready` is then a choice that can be defended.
    pub on_loss: OnLoss,
    /// The longest time from the return of the dependency to the first ready answer.
    pub recover_within: Span,
}

/// What the readiness probe says while a critical dependency is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnLoss {
    /// It says no.
    Unready,
    /// It goes on saying yes.
    Ready,
}

impl Default for Readiness {
    fn default() -> Self {
        Self { on_loss: OnLoss::Unready, recover_within: Span::seconds(10) }
    }
}
