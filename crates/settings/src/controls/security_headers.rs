use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The headers that matter for its content are on every answer, errors too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SecurityHeaders {
    /// Further headers that every answer must carry: a name, or `Name: a part of the value`.
    pub require: Vec<String>,
    /// Headers of the default list that are left out on purpose.
    pub except: Vec<String>,
}
