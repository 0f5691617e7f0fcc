//! Who uses the service: callers with different rights, each with a way to become one.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Somebody with rights of their own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The journey that logs in; what it captures proves who they are.
    #[serde(default)]
    pub journey: Option<String>,
    /// The headers that their requests carry; `{{name}}` stands for what the journey captured.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Their role, for those who compare roles.
    #[serde(default)]
    pub role: Option<String>,
    /// The tenant that they belong to.
    #[serde(default)]
    pub tenant: Option<String>,
}
