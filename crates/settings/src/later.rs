//! Parts of the manifest that no control uses yet: they are read and checked, and a run says so.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::service::Command;

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

/// What a limiter's refusal looks like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The status codes of a refusal; 429 by default.
    #[serde(default)]
    pub refused: Vec<u16>,
    /// A text that means a refusal although the status is 200.
    #[serde(default)]
    pub refused_text: Option<String>,
    /// Variables that raise the limits during a load, so that they do not distort it.
    #[serde(default)]
    pub raised_by: BTreeMap<String, String>,
}

/// How the schema is migrated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Migrations {
    /// The command that brings the schema up.
    #[serde(default)]
    pub up: Option<Command>,
    /// The command that takes one step back.
    #[serde(default)]
    pub down: Option<Command>,
    /// The service migrates by itself when it starts.
    #[serde(default)]
    pub at_start: bool,
    /// There is no way back, and that is intended.
    #[serde(default)]
    pub irreversible: bool,
}
