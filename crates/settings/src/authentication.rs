//! How a caller proves who it is: a fact that all controls share.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a caller proves who it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// How it is carried.
    pub kind: AuthenticationKind,
    /// The header that carries it; `Authorization` by default.
    #[serde(default)]
    pub header: Option<String>,
    /// The word before the token; `Bearer` by default.
    #[serde(default)]
    pub scheme: Option<String>,
    /// Where the token stands in the answer of the log-in, as a JSONPath.
    #[serde(default)]
    pub token: Option<String>,
    /// The journey that logs in.
    #[serde(default)]
    pub journey: Option<String>,
    /// Headers that every request carries.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The status codes of a refusal; 401 and 403 by default.
    #[serde(default)]
    pub refused: Vec<u16>,
    /// A text or `Location` that also means a refusal.
    #[serde(default)]
    pub refused_text: Option<String>,
}

/// How a proof of identity is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AuthenticationKind {
    /// A token in a header.
    Bearer,
    /// A cookie jar.
    Cookie,
    /// HTTP Basic.
    Basic,
    /// A key in a header.
    ApiKey,
    /// A form with CSRF fields.
    Form,
}
