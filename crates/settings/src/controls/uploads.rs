use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::size::Size;

/// Uploads are checked by size, type and content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Uploads {
    /// The request that takes an upload, for example `POST /avatars`.
    pub request: Option<String>,
    /// The journey that is walked first; what its last step carried as proof of identity goes with
    /// the upload.
    pub journey: Option<String>,
    /// The name of the field that holds the file.
    pub field: String,
    /// Further fields of the form, with their values.
    pub fields: BTreeMap<String, String>,
    /// The media types that are accepted; of `image/png`, `image/jpeg`, `image/gif` and
    /// `application/pdf`.
    pub accepts: Vec<String>,
    /// The largest file that is accepted.
    pub max: Size,
}

impl Default for Uploads {
    fn default() -> Self {
        Self {
            request: None,
            journey: None,
            field: "file".to_owned(),
            fields: BTreeMap::new(),
            accepts: vec!["image/png".to_owned()],
            max: Size(5 << 20),
        }
    }
}
