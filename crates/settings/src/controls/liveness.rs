use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The liveness probe answers fast and depends on nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Liveness {
    /// How many probes are sent under each fault. At least 3.
    #[schemars(range(min = 3, max = 100))]
    pub probes: u32,
}

impl Default for Liveness {
    fn default() -> Self {
        Self { probes: 5 }
    }
}
