use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every list is bounded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pagination {
    /// The lists, for example `GET /items`; by default every step of a journey that answers a list.
    pub lists: Vec<String>,
    /// The parameter that asks for a page size; the usual names are tried by default.
    pub limit: Option<String>,
    /// How many rows are made by repeating the steps of journeys that write.
    pub rows: u32,
}

impl Default for Pagination {
    fn default() -> Self {
        Self { lists: Vec::new(), limit: None, rows: 250 }
    }
}
