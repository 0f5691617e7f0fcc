use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A switch turns its feature off with 503 and its own code, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KillSwitches {
    /// Each switch, by a name of your choice.
    pub switches: BTreeMap<String, Switch>,
}

/// A switch that turns a feature off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The variable that holds it.
    pub variable: String,
    /// Its value that turns the feature off; "false" by default.
    #[serde(default = "no")]
    pub off: String,
    /// Its value that leaves the feature on; "true" by default. Unset must mean on, too.
    #[serde(default = "yes")]
    pub on: String,
    /// A request of the feature, for example `GET /quotes`.
    #[serde(default)]
    pub request: Option<String>,
    /// A journey whose last step is the feature, where a request is not enough.
    #[serde(default)]
    pub journey: Option<String>,
    /// The status code while it is off; 503 by default.
    #[serde(default = "unavailable")]
    pub status: u16,
    /// The code that the answer must then hold; `NAME_unavailable` by default.
    #[serde(default)]
    pub code: Option<String>,
}

fn yes() -> String {
    "true".to_owned()
}

fn no() -> String {
    "false".to_owned()
}

fn unavailable() -> u16 {
    503
}
