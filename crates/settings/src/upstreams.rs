//! Third parties that the service calls over HTTP or SMTP; in the lab a stand-in takes the place of
//! those that speak HTTP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// A third party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The variable that holds its address.
    pub variable: String,
    /// What it speaks.
    #[serde(default)]
    pub kind: UpstreamKind,
    /// The request of the service that calls it, for example `GET /quotes`.
    #[serde(default)]
    pub request: Option<String>,
    /// How long a call may take.
    #[serde(default)]
    pub within: Option<Span>,
    /// Whether the service can do without it.
    #[serde(default)]
    pub critical: bool,
}

/// What a third party speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpstreamKind {
    /// HTTP with JSON: a stand-in takes its place.
    #[default]
    Http,
    /// SMTP: without a stand-in yet, at an address that nobody answers.
    Smtp,
}
