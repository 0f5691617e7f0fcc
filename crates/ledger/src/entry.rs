//! One run as the ledger remembers it.

use model::{Scorecard, Severity, Verdict};

/// One run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry {
    pub run: String,
    /// When it began, RFC 3339, UTC.
    pub date: String,
    pub service: String,
    /// Empty outside a git checkout.
    pub commit: String,
    /// Whether the work tree differed from the commit.
    pub dirty: bool,
    /// SHA-256 of the manifest.
    pub manifest: String,
    /// SHA-256 of the program; empty where it is no file.
    pub artifact: String,
    pub seaworthy: String,
    /// Whether an edge stood before the service.
    pub through_edge: bool,
    /// The run was interrupted.
    pub partial: bool,
    /// Absent when only a part of the controls was tried.
    pub score: Option<f64>,
    pub decided: usize,
    pub applicable: usize,
    pub controls: Vec<Held>,
}

/// What became of one control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub control: String,
    pub verdict: Verdict,
    pub summary: String,
    pub findings: Vec<Found>,
}

/// One finding, by what makes it the same one in another run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub severity: Severity,
    pub cause: String,
    pub subject: String,
}

impl Entry {
    /// What the ledger keeps of a scorecard.
    pub fn of(card: &Scorecard) -> Self {
        let evidence = &card.evidence;
        let controls = card.controls.iter().map(|row| Held {
            control: row.id.clone(),
            verdict: row.verdict,
            summary: row.summary.clone(),
            findings: row
                .findings
                .iter()
                .map(|finding| Found {
                    severity: finding.severity,
                    cause: finding.cause.clone(),
                    subject: finding.subject.clone(),
                })
                .collect(),
        });
        Self {
            run: evidence.run.clone(),
            date: evidence.date.clone(),
            service: card.service.clone(),
            commit: evidence.commit.clone(),
            dirty: evidence.dirty,
            manifest: evidence.manifest.clone(),
            artifact: evidence.artifact.clone(),
            seaworthy: evidence.seaworthy.clone(),
            through_edge: card.controls.iter().any(|row| row.without_edge.is_some()),
            partial: card.partial,
            score: card.score,
            decided: card.coverage.decided,
            applicable: card.coverage.applicable,
            controls: controls.collect(),
        }
    }

    pub fn verdict(&self, control: &str) -> Option<Verdict> {
        self.held(control).map(|held| held.verdict)
    }

    pub fn held(&self, control: &str) -> Option<&Held> {
        self.controls.iter().find(|held| held.control == control)
    }
}

#[cfg(test)]
pub(crate) fn entry(run: &str, verdicts: &[(&str, Verdict)]) -> Entry {
    let controls = verdicts.iter().map(|(control, verdict)| Held {
        control: (*control).to_owned(),
        verdict: *verdict,
        summary: String::new(),
        findings: Vec::new(),
    });
    Entry {
        run: run.to_owned(),
        date: format!("2026-11-27T10:00:0{}Z", run.len() % 10),
        commit: "abc".to_owned(),
        controls: controls.collect(),
        ..Entry::default()
    }
}
