//! What the edge supplies, and how `seaworthy run` works.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// The controls that `seaworthy run` can supply, and what it does for each.
pub const SUPPLIED: &[(&str, &str)] = &[
    ("graceful-shutdown", "drains before the service is asked to stop; always"),
    ("liveness", "answers the probe itself, and no only while the service answers nothing"),
    ("readiness", "answers the probe from what it sees of the declared dependencies"),
    ("health-report", "answers the report from what it sees of the declared dependencies"),
    ("environment", "checks every declared variable before the service starts; always"),
    ("feature-flags", "refuses the routes of a flag that is off; flags change while it runs"),
    ("kill-switches", "refuses the routes of a switch that is off; switches change while it runs"),
    ("dependency-outage", "answers 503 in time while a critical dependency is away"),
    ("https-only", "redirects plain HTTP and sets HSTS, by the word of a trusted proxy"),
    ("security-headers", "adds what is missing, on errors too"),
    ("cors", "allows the declared origins and nobody else"),
    ("body-limits", "refuses large, slow and inflating bodies"),
    ("compression", "compresses text for those who ask"),
    ("error-envelope", "gives every error the declared shape, and keeps the inside in"),
    ("correlation-ids", "gives every request an id, and logs it"),
    ("private-logs", "masks secrets and personal data in the service's output"),
    ("metrics", "measures every request by its route"),
];

/// What the edge supplies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Supply {
    /// The ids of the supplied controls; the rest the service must hold by itself.
    pub controls: Vec<String>,
    /// The public address: `8080` stands for that port on loopback, `0.0.0.0:8080` for every
    /// interface. `--listen` wins.
    pub listen: Option<String>,
    /// Public addresses of further ports, by their names in `service.ports`.
    pub ports: BTreeMap<String, String>,
    /// Who may say where a request comes from (`X-Forwarded-For` and the like): addresses and ranges.
    pub trusted_proxies: Vec<String>,
    /// How many requests are served at once; those beyond are refused with 503.
    #[schemars(range(min = 1))]
    pub concurrency: usize,
    /// The longest time to the head of an answer; then 504.
    pub timeout: Span,
    /// The longest time to the end of a request's head, and of idleness between two requests.
    pub header_timeout: Span,
    /// A line of JSON on stdout for each request; by default when correlation-ids are supplied.
    pub access_log: Option<bool>,
    /// What happens when the service ends by itself after it was ready.
    pub restart: Restart,
    /// A JSON file of flags and switches that is followed while it runs: `{"NAME": true}`.
    pub flags: Option<String>,
    /// Folders of secrets: one file for each variable, as Docker and Kubernetes mount them.
    pub secrets: Vec<String>,
}

impl Default for Supply {
    fn default() -> Self {
        Self {
            controls: Vec::new(),
            listen: None,
            ports: BTreeMap::new(),
            trusted_proxies: vec!["127.0.0.0/8".to_owned(), "::1".to_owned()],
            concurrency: 1024,
            timeout: Span::seconds(60),
            header_timeout: Span::seconds(30),
            access_log: None,
            restart: Restart::OnFailure,
            flags: None,
            secrets: vec!["/run/secrets".to_owned()],
        }
    }
}

/// What happens when the service ends by itself after it was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// It is started again, after a pause that doubles from 100 ms to 30 s.
    Always,
    /// The same, unless it ended with 0.
    OnFailure,
    /// Seaworthy ends with it.
    Never,
}

/// What the edge does for a control, if it can supply it.
pub fn how(id: &str) -> Option<&'static str> {
    SUPPLIED.iter().find(|(known, _)| *known == id).map(|(_, how)| *how)
}
