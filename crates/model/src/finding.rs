//! One thing concluded from the observations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a finding weighs. Warnings and notes never change a verdict.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Fail,
    Warn,
    Note,
}

/// One thing concluded, with its cause and the shortest witness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    pub severity: Severity,
    /// A stable word for the cause, for example `exited-zero`.
    pub cause: String,
    /// What it is about: a variable, a route, a dependency; empty for the whole service.
    #[serde(default)]
    pub subject: String,
    /// The shortest account of what was seen that proves it.
    pub witness: String,
    /// How to mend it.
    #[serde(default)]
    pub fix: String,
    /// In how many of how many tries it was seen.
    #[serde(default)]
    pub seen: Option<(u32, u32)>,
    /// The last lines that the service wrote, when they matter.
    #[serde(default)]
    pub log: Vec<String>,
    /// The request that shows it, as a curl command.
    #[serde(default)]
    pub request: Option<String>,
    /// The trial in which it was seen first, as the observations name it.
    #[serde(default)]
    pub trial: String,
}

impl Finding {
    fn new(severity: Severity, cause: &str, witness: impl Into<String>) -> Self {
        Self {
            severity,
            cause: cause.to_owned(),
            subject: String::new(),
            witness: witness.into(),
            fix: String::new(),
            seen: None,
            log: Vec::new(),
            request: None,
            trial: String::new(),
        }
    }

    pub fn fail(cause: &str, witness: impl Into<String>) -> Self {
        Self::new(Severity::Fail, cause, witness)
    }

    pub fn warn(cause: &str, witness: impl Into<String>) -> Self {
        Self::new(Severity::Warn, cause, witness)
    }

    pub fn note(cause: &str, witness: impl Into<String>) -> Self {
        Self::new(Severity::Note, cause, witness)
    }

    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    #[must_use]
    pub fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    #[must_use]
    pub fn seen(mut self, times: usize, of: usize) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.seen = Some((count(times), count(of)));
        self
    }

    #[must_use]
    pub fn log(mut self, lines: Vec<String>) -> Self {
        self.log = lines;
        self
    }

    #[must_use]
    pub fn trial(mut self, name: impl Into<String>) -> Self {
        self.trial = name.into();
        self
    }

    #[must_use]
    pub fn request(mut self, curl: impl Into<String>) -> Self {
        self.request = Some(curl.into());
        self
    }
}
