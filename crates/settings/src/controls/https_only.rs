use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// Plain HTTP is redirected, HSTS is set, certificates are valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HttpsOnly {
    /// Who ends TLS and redirects: the service itself, behind proxies that say how the client came, or
    /// the edge before it. Without a word nothing is tried.
    pub enforced_by: Option<EnforcedBy>,
    /// The header in which the proxy says how the client came; `X-Forwarded-Proto` by default.
    pub header: String,
    /// The shortest `max-age` of HSTS; a year by default (ASVS 5.0 3.4.1).
    pub hsts: Span,
    /// How long the certificate of a target must still be valid; 14 days by default.
    pub certificate: Span,
}

impl Default for HttpsOnly {
    fn default() -> Self {
        Self {
            enforced_by: None,
            header: "X-Forwarded-Proto".to_owned(),
            hsts: Span::seconds(31_536_000),
            certificate: Span::seconds(14 * 86_400),
        }
    }
}

/// Who redirects plain HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EnforcedBy {
    /// The service, which trusts a proxy's word.
    Service,
    /// What stands before it.
    Edge,
}
