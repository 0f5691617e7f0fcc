use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every error has one shape with code, message and status, and leaks nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ErrorEnvelope {
    /// The shape of errors.
    pub shape: Option<Shape>,
    /// The members that every error must have.
    pub fields: Vec<String>,
}

/// A shape of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// `application/problem+json` (RFC 9457).
    Problem,
    /// A JSON object with the declared members.
    Json,
}
