use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// No password, token, card or personal datum reaches logs or error reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PrivateLogs {
    /// Headers whose value is secret, beside the usual ones.
    pub headers: Vec<String>,
    /// Paths in which something secret or personal stands, in braces: `/invitations/{token}`. What
    /// stands there must not be logged; without this, what is found of a path is only told.
    pub paths: Vec<String>,
    /// The parameters of queries in which something secret travels. A query in the log then fails;
    /// without this, and without a journey that shows one, it is a warning.
    pub queries: Vec<String>,
    /// Personal data that the service may log, by the position: `email`.
    pub allow: Vec<String>,
}
