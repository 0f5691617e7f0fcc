use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// Rate, errors, duration and saturation are exported with route templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// The path of the metrics, in the text format of Prometheus.
    pub path: Option<String>,
    /// The name of the port that answers it, one of `service.ports`; the main one by default.
    pub port: Option<String>,
    /// Headers that the scrape carries.
    pub headers: BTreeMap<String, String>,
    /// The counter of requests; found by its name by default.
    pub requests: Option<String>,
    /// How long it may take until a request is counted.
    pub lag: Span,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            path: None,
            port: None,
            headers: BTreeMap::new(),
            requests: None,
            lag: Span::seconds(2),
        }
    }
}
