use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Internal routes, docs, metrics, databases and caches are not public in production.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exposure {
    /// Known internal paths that are public on purpose, for example `/docs`.
    pub public: Vec<String>,
    /// Further paths that must not answer without a proof of identity.
    pub internal: Vec<String>,
}
