//! What is known of a claim. Pure.

use std::collections::BTreeMap;

use audit::{Claim, Settled};
use engine::known::Known;
use model::{Verdict, catalogue};
use serde::Serialize;

/// What the evidence makes of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Status {
    /// It was tried and does not hold.
    Disproved,
    /// It was tried and holds.
    Proven,
    /// It was tried and could not be decided.
    Undecided,
    /// It was found not to apply to this service.
    NotApplicable,
    /// It can be tried, and nobody did yet.
    Untried,
    /// The catalogue has it, and this version cannot try it.
    NotBuilt,
    /// No run of the service can try it.
    Outside,
    /// Nothing here knows what would settle it.
    Unknown,
}

impl Status {
    /// Whether this version can settle such a claim.
    pub(super) fn is_testable(self) -> bool {
        use Status::{Disproved, NotApplicable, Proven, Undecided, Untried};
        matches!(self, Disproved | Proven | Undecided | NotApplicable | Untried)
    }
}

/// A claim and what is known of it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Judged {
    pub(super) line: usize,
    pub(super) text: String,
    /// The control that settles it, where there is one.
    pub(super) control: Option<&'static str>,
    /// Whether the document says that it holds.
    pub(super) claimed: bool,
    pub(super) status: Status,
    /// What was seen, or what to do, in a sentence.
    pub(super) because: String,
    /// The run that settled it, and its date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) date: Option<String>,
    /// Figures that the claim names: targets to prove.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) thresholds: Vec<String>,
}

/// What is known of a claim.
pub(super) fn judged(claim: &Claim, known: &BTreeMap<String, Known>) -> Judged {
    let without = |status: Status, because: String| Judged {
        line: claim.line,
        text: claim.text.clone(),
        control: None,
        claimed: claim.is_claimed(),
        status,
        because,
        run: None,
        date: None,
        thresholds: claim.thresholds.clone(),
    };
    let id = match claim.settled_by {
        Settled::By(id) => id,
        Settled::Outside(why) => {
            return without(Status::Outside, format!("outside what can be tried: {why}"));
        }
        Settled::Unknown => {
            let why = "no control is known for it; if one should be, tell us".to_owned();
            return without(Status::Unknown, why);
        }
    };
    let judged = match known.get(id) {
        Some(known) => of_row(known),
        None if controls::find(id).is_some() => {
            (Status::Untried, format!("nobody tried it yet: seaworthy prove --only {id}"))
        }
        None => {
            let promise = catalogue::find(id).map_or("", |entry| entry.promise);
            (Status::NotBuilt, format!("not built yet ({id}: {promise})"))
        }
    };
    let binding = known.get(id).map(|known| &known.binding);
    Judged {
        control: Some(id),
        run: binding.map(|binding| binding.run.clone()),
        date: binding.map(|binding| binding.date.chars().take(10).collect()),
        ..without(judged.0, judged.1)
    }
}

fn of_row(known: &Known) -> (Status, String) {
    let row = &known.row;
    let status = match row.verdict {
        Verdict::Pass => Status::Proven,
        Verdict::Fail => Status::Disproved,
        Verdict::NotApplicable => Status::NotApplicable,
        Verdict::Inconclusive | Verdict::Error => Status::Undecided,
    };
    let witness = row.findings.first().filter(|_| status == Status::Disproved);
    let because = witness.map_or_else(|| row.summary.clone(), |finding| finding.witness.clone());
    (status, because)
}

#[cfg(test)]
mod tests {
    use audit::Mark;
    use model::scorecard::Binding;
    use model::{Judgement, Row};

    use super::*;

    fn claim(settled_by: Settled) -> Claim {
        let text = "graceful shutdown".to_owned();
        Claim { line: 3, text, settled_by, mark: Some(Mark::Done), thresholds: Vec::new() }
    }

    #[test]
    fn each_claim_ends_in_one_of_these() {
        let row =
            |verdict| Row { verdict, ..Row::new("startup", Judgement::inconclusive("why"), 0.0) };
        let status = |settled_by: Settled, verdict: Option<Verdict>| {
            let known = verdict.map(|verdict| {
                ("startup".to_owned(), Known { row: row(verdict), binding: Binding::default() })
            });
            judged(&claim(settled_by), &known.into_iter().collect()).status
        };
        assert_eq!(status(Settled::By("startup"), Some(Verdict::Fail)), Status::Disproved);
        assert_eq!(status(Settled::By("startup"), Some(Verdict::Pass)), Status::Proven);
        assert_eq!(status(Settled::By("startup"), Some(Verdict::Inconclusive)), Status::Undecided);
        assert_eq!(status(Settled::By("startup"), None), Status::Untried);
        assert_eq!(status(Settled::By("handoff"), None), Status::NotBuilt);
        assert_eq!(status(Settled::Outside("law"), None), Status::Outside);
        assert_eq!(status(Settled::Unknown, None), Status::Unknown);
    }
}
