//! The limiters of the service: what their refusal looks like, and where they stand.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// The service's limiters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The status codes of a refusal; 429 by default. Such an answer is neither a refusal nor a
    /// failure of anything else.
    #[serde(default)]
    pub refused: Vec<u16>,
    /// A text that means a refusal whatever the status.
    #[serde(default)]
    pub refused_text: Option<String>,
    /// Variables that raise the limits during a load, so that they do not distort it.
    #[serde(default)]
    pub raised_by: BTreeMap<String, String>,
    /// The limits of single routes, by a name of your choice.
    #[serde(default)]
    pub routes: BTreeMap<String, RouteLimit>,
}

/// How many requests a route takes from one caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteLimit {
    /// The request that is limited, for example `POST /login`.
    pub request: String,
    /// So many are taken within the window.
    pub quota: u32,
    /// How long they are counted.
    pub window: Span,
    /// How many proxies that it trusts stand before the service in production.
    #[serde(default)]
    pub trusted_hops: u32,
}
