use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Only the declared origins are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Cors {
    /// The origins whose pages may read answers; none by default. `*` stands for one or more names of
    /// a host: `https://*.example.com`.
    pub allow: Vec<String>,
    /// Everybody may read answers, without credentials: a choice for public data.
    pub public: bool,
}
