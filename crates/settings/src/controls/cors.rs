use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Only the declared origins are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// The origins whose pages may read answers; none by default.
    pub allow: Vec<String>,
    /// Everybody may read answers, without credentials: a choice for public data.
    pub public: bool,
}
