use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Experimental features are off unless turned on; a required flag that is off refuses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeatureFlags {
    /// Each flag, by a name of your choice.
    pub flags: BTreeMap<String, Flag>,
}

/// A feature that is off unless it is turned on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// The variable that turns it on.
    pub variable: String,
    /// Its value that turns it on; "true" by default.
    #[serde(default = "yes")]
    pub on: String,
    /// Its value that turns it off; "false" by default.
    #[serde(default = "no")]
    pub off: String,
    /// A request of the feature, for example `GET /recommendations`. Headers of the journey named
    /// below are sent with it.
    #[serde(default)]
    pub request: Option<String>,
    /// A journey that uses the feature, where a request is not enough.
    #[serde(default)]
    pub journey: Option<String>,
    /// The status code while it is off; 404 by default.
    #[serde(default = "absent")]
    pub status: u16,
    /// The service needs it: while it is off or unset, it refuses to start.
    #[serde(default)]
    pub required: bool,
}

fn yes() -> String {
    "true".to_owned()
}

fn no() -> String {
    "false".to_owned()
}

fn absent() -> u16 {
    404
}
