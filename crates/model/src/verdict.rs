//! What a control's judge makes of the observations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::Account;
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

/// A verdict with its reasons. Only [`conclude`] makes one that passes or fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    verdict: Verdict,
    pub summary: String,
    pub findings: Vec<Finding>,
    /// What was tried.
    account: Account,
}

/// What a control makes of the tries that landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// What held, where nothing failed.
    pub held: String,
    pub findings: Vec<Finding>,
    /// Why nothing can be said beyond what failed, if that is so.
    pub undecided: Option<String>,
}

impl Ruling {
    /// What was found; `held` sums it up where nothing failed.
    pub fn from_findings(held: impl Into<String>, findings: Vec<Finding>) -> Self {
        Self { held: held.into(), findings, undecided: None }
    }

    /// Undecided: why, and what would decide it.
    pub fn undecided(why: impl Into<String>) -> Self {
        Self { held: String::new(), findings: Vec::new(), undecided: Some(why.into()) }
    }

    /// Findings that are told all the same. They decide nothing.
    #[must_use]
    pub fn with(mut self, findings: Vec<Finding>) -> Self {
        self.findings = findings;
        self
    }
}

/// The only way to a verdict: fails when something failed, which one witness shows; is undecided when
/// the ruling says so or when the account lacks what a pass needs; and passes otherwise.
pub fn conclude(account: Account, ruling: Ruling) -> Judgement {
    let Ruling { held, mut findings, undecided } = ruling;
    findings.sort_by_key(|finding| finding.severity);
    let failed: Vec<_> =
        findings.iter().filter(|finding| finding.severity == Severity::Fail).collect();
    let (verdict, summary) = match (failed.first(), undecided.or_else(|| account.shortfall())) {
        (Some(first), _) => (Verdict::Fail, failure(first, failed.len())),
        (None, Some(lacking)) => (Verdict::Inconclusive, lacking),
        (None, None) => (Verdict::Pass, held),
    };
    Judgement { verdict, summary, findings, account }
}

/// `JWT_SECRET: exited-zero (and 1 more)`.
fn failure(first: &Finding, count: usize) -> String {
    let more = match count {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    let subject = match first.subject.as_str() {
        "" => String::new(),
        subject => format!("{subject}: "),
    };
    format!("{subject}{}{more}", first.cause)
}

impl Judgement {
    fn without_account(verdict: Verdict, summary: String) -> Self {
        Self { verdict, summary, findings: Vec::new(), account: Account::default() }
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Undecided: why, and what would decide it.
    pub fn inconclusive(why: impl Into<String>) -> Self {
        Self::without_account(Verdict::Inconclusive, why.into())
    }

    pub fn not_applicable(reason: impl Into<String>) -> Self {
        Self::without_account(Verdict::NotApplicable, reason.into())
    }

    pub fn error(what: impl Into<String>) -> Self {
        Self::without_account(Verdict::Error, what.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Need, Tally};

    fn tried() -> Account {
        let mut tally = Tally::of("starts");
        tally.landed();
        Account::default().with(tally, Need::All)
    }

    #[test]
    fn warnings_and_notes_never_change_a_verdict() {
        let findings = vec![Finding::note("n", "seen"), Finding::warn("w", "seen")];
        let judgement = conclude(tried(), Ruling::from_findings("held", findings));
        assert_eq!(judgement.verdict(), Verdict::Pass);
        assert_eq!(judgement.summary, "held");
    }

    #[test]
    fn a_failing_finding_fails_and_is_named_first() {
        let findings = vec![
            Finding::note("n", "seen"),
            Finding::fail("exited-zero", "seen").about("JWT_SECRET"),
            Finding::fail("unnamed", "seen"),
        ];
        let judgement = conclude(tried(), Ruling::from_findings("held", findings));
        assert_eq!(judgement.verdict(), Verdict::Fail);
        assert_eq!(judgement.summary, "JWT_SECRET: exited-zero (and 1 more)");
        assert_eq!(judgement.findings[0].cause, "exited-zero");
    }

    #[test]
    fn without_an_account_nothing_passes_and_what_failed_still_fails() {
        let ruling = Ruling::from_findings("held", vec![]);
        assert_eq!(conclude(Account::default(), ruling).verdict(), Verdict::Inconclusive);
        let mut tally = Tally::of("starts");
        tally.missed("not answered");
        let account = Account::default().with(tally, Need::All);
        let judgement = conclude(account.clone(), Ruling::from_findings("held", vec![]));
        assert_eq!(judgement.verdict(), Verdict::Inconclusive);
        assert_eq!(judgement.summary, "starts: 0 of 1 (1 not answered)");
        let failed = vec![Finding::fail("crashes", "seen")];
        let judgement = conclude(account, Ruling::from_findings("held", failed));
        assert_eq!(judgement.verdict(), Verdict::Fail);
    }
}
