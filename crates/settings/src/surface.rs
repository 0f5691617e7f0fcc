//! Parts of the service with expectations of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A part of the service with expectations of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// The prefix of its paths. Where several match, the longest counts.
    pub prefix: String,
    /// What it serves.
    pub serves: Serves,
    /// Unknown paths are answered with a page and 200, as a single-page application does. Such a
    /// page counts as not found, unless `requests` or a journey asks for it.
    #[serde(default)]
    pub catch_all: bool,
    /// Requests that it answers with success, for example `GET /about`, where no journey shows any.
    #[serde(default)]
    pub requests: Vec<String>,
}

impl Surface {
    /// How it answers paths that it does not know. What a readiness probe or a journey asks for is
    /// no part of it: those say themselves what they expect.
    pub(crate) fn class(&self) -> model::SurfaceClass {
        let target = |request: &String| request.split_whitespace().nth(1).map(str::to_owned);
        let path = |target: String| target.split('?').next().map(str::to_owned);
        model::SurfaceClass {
            prefix: self.prefix.clone(),
            catch_all: self.catch_all,
            known: self.requests.iter().filter_map(target).filter_map(path).collect(),
        }
    }
}

/// What a surface serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Serves {
    /// Machine-readable answers.
    Api,
    /// Pages for people.
    Html,
}
