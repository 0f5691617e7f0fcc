//! Parts of the service with expectations of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;

/// A part of the service with expectations of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Surface {
    /// The prefix of its paths. Where several match, the longest counts.
    pub prefix: String,
    /// What it serves.
    pub serves: Serves,
    /// Unknown paths are answered with 200, as a single-page app does.
    #[serde(default)]
    pub catch_all: bool,
    /// Requests that it answers with success, for example `GET /about`, where no journey shows any.
    #[serde(default)]
    pub requests: Vec<String>,
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

impl Manifest {
    /// The surface that a path belongs to.
    pub fn surface_of(&self, path: &str) -> Option<&Surface> {
        let matching = self.surfaces.values().filter(|surface| path.starts_with(&surface.prefix));
        matching.max_by_key(|surface| surface.prefix.len())
    }

    /// What a path serves: what its surface says, an API where none does.
    pub fn serves(&self, path: &str) -> Serves {
        self.surface_of(path).map_or(Serves::Api, |surface| surface.serves)
    }

    /// Whether unknown paths like this one are answered with a page.
    pub fn catches_all(&self, path: &str) -> bool {
        self.surface_of(path).is_some_and(|surface| surface.catch_all)
    }
}
