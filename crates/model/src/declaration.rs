//! What a manifest may declare and nobody can infer: without it controls stay undecided.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lines of a manifest that would decide a control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Declaration {
    /// The lines as they would stand there, with values that are to be changed.
    pub lines: &'static [&'static str],
    /// What is to be said, for people.
    pub what: &'static str,
}

/// A user's path. Most of what a service promises shows only on requests that do something.
pub const A_JOURNEY: Declaration = Declaration {
    lines: &["[journeys.first]", "file = \"first.hurl\""],
    what: "a user's path, one that creates something: sign up, log in, create, list, read",
};

/// Something that the service needs.
pub const A_DEPENDENCY: Declaration = Declaration {
    lines: &["[dependencies.database]", "kind = \"postgres\""],
    what: "what the service needs: postgres, mysql, redis, smtp; give it {database.url}",
};

/// Lines that would decide controls, as a scorecard shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Suggestion {
    /// Lines of a manifest.
    pub lines: Vec<String>,
    pub what: String,
    /// The undecided controls, those of the highest risk first.
    pub controls: Vec<String>,
}
