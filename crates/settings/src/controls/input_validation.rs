use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// No input makes it fail: hostile and generated input gets 4xx, never 5xx.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct InputValidation {
    /// The OpenAPI document: a file beside the manifest, or a path that the service answers.
    pub openapi: Option<String>,
    /// How many requests are made at most.
    pub requests: u32,
    /// Status codes above 499 that are meant, for example 501.
    pub accept: Vec<u16>,
}

impl Default for InputValidation {
    fn default() -> Self {
        Self { openapi: None, requests: 400, accept: vec![501] }
    }
}
