use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// /health tells the truth in its declared shape (by default 200 "ok" or 503 "degraded", one
/// boolean per dependency, a timestamp).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthReport {
    /// The path of the report. Without one, nothing is tried.
    pub path: Option<String>,
    /// The name of the port that answers it, one of `service.ports`; the main one by default.
    pub port: Option<String>,
    /// The status code when all is well; 200 by default.
    pub healthy_status: u16,
    /// The status code while a critical dependency is away; 503 by default.
    pub degraded_status: u16,
    /// The member that holds the overall word, as a JSONPath; `$.status` by default.
    pub word: String,
    /// The word when all is well; "ok" by default.
    pub healthy: String,
    /// The word while a critical dependency is away; "degraded" by default.
    pub degraded: String,
    /// Where each dependency stands, as a JSONPath, by the name of the dependency; `$.NAME` by
    /// default; an empty text where the report does not tell of it. A value that is true, "ok",
    /// "up", "pass" or "healthy" means that it is there.
    pub dependencies: BTreeMap<String, String>,
    /// The member that holds the time, as a JSONPath; an empty text when there is none.
    pub timestamp: String,
    /// How long it may take until it notices a change.
    pub lag: Span,
}

impl Default for HealthReport {
    fn default() -> Self {
        Self {
            path: None,
            port: None,
            healthy_status: 200,
            degraded_status: 503,
            word: "$.status".to_owned(),
            healthy: "ok".to_owned(),
            degraded: "degraded".to_owned(),
            dependencies: BTreeMap::new(),
            timestamp: "$.timestamp".to_owned(),
            lag: Span::seconds(2),
        }
    }
}
