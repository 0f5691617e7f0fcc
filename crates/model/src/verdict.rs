//! What a control's judge makes of the observations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::{Finding, Severity};

/// The five verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The promise was tried and held.
    Pass,
    /// The promise was tried and broken.
    Fail,
    /// Applicable but undecided; the summary says why and what would decide it.
    Inconclusive,
    /// It does not apply; the summary gives the reason.
    NotApplicable,
    /// Seaworthy itself failed.
    Error,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::NotApplicable => "not-applicable",
            Self::Error => "error",
        }
    }

    /// Whether the promise was decided one way or the other.
    pub fn is_decided(self) -> bool {
        matches!(self, Self::Pass | Self::Fail)
    }
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    pub verdict: Verdict,
    pub summary: String,
    pub findings: Vec<Finding>,
}

impl Judgement {
    /// Fails when a finding fails, passes otherwise. `held` sums up a pass.
    pub fn from_findings(held: impl Into<String>, mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.severity);
        let failed: Vec<_> =
            findings.iter().filter(|finding| finding.severity == Severity::Fail).collect();
        let Some(first) = failed.first() else {
            return Self { verdict: Verdict::Pass, summary: held.into(), findings };
        };
        let more = match failed.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let subject = match first.subject.as_str() {
            "" => String::new(),
            subject => format!("{subject}: "),
        };
        let summary = format!("{subject}{}{more}", first.cause);
        Self { verdict: Verdict::Fail, summary, findings }
    }

    /// Undecided: why, and what would decide it.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self { verdict: Verdict::Inconclusive, summary: why.into(), findings: Vec::new() }
    }

    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self { verdict: Verdict::NotApplicable, summary: reason.into(), findings: Vec::new() }
    }

    pub fn error(what: impl Into<String>) -> Self {
        Self { verdict: Verdict::Error, summary: what.into(), findings: Vec::new() }
    }

    #[must_use]
    pub fn with(mut self, findings: Vec<Finding>) -> Self {
        self.findings = findings;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_and_notes_never_change_a_verdict() {
        let findings = vec![Finding::note("n", "seen"), Finding::warn("w", "seen")];
        let judgement = Judgement::from_findings("held", findings);
        assert_eq!(judgement.verdict, Verdict::Pass);
        assert_eq!(judgement.summary, "held");
    }

    #[test]
    fn a_failing_finding_fails_and_is_named_first() {
        let findings = vec![
            Finding::note("n", "seen"),
            Finding::fail("exited-zero", "seen").about("JWT_SECRET"),
            Finding::fail("unnamed", "seen"),
        ];
        let judgement = Judgement::from_findings("held", findings);
        assert_eq!(judgement.verdict, Verdict::Fail);
        assert_eq!(judgement.summary, "JWT_SECRET: exited-zero (and 1 more)");
        assert_eq!(judgement.findings[0].cause, "exited-zero");
    }
}
