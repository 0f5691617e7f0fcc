//! How the service's data is migrated, backed up and restored.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::service::Command;

/// What is known of the data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// How the schema is migrated.
    #[serde(default)]
    pub migrations: Option<Migrations>,
    /// The command that takes a backup.
    #[serde(default)]
    pub backup: Option<Command>,
    /// The command that restores one into an empty database.
    #[serde(default)]
    pub restore: Option<Command>,
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
