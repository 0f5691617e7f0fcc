//! The scorecard: rows, score and coverage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::account::Group;
use crate::catalogue::{self, Family, Risk};
use crate::declaration::Suggestion;
use crate::finding::Finding;
use crate::verdict::{Judgement, Verdict};

/// The score that a failed critical control leaves at most.
pub const CRITICAL_CAP: f64 = 59.0;

/// A reasoned, limited exception. It never turns a failure into a pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppliedWaiver {
    pub reason: String,
    pub owner: String,
    /// The last day on which it holds, as YYYY-MM-DD.
    pub expires: String,
    /// Whether it had expired when the run was judged.
    pub expired: bool,
}

/// One control's line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub id: String,
    pub family: Family,
    pub risk: Risk,
    pub promise: String,
    pub verdict: Verdict,
    pub summary: String,
    /// How long the experiment took, in seconds.
    pub seconds: f64,
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What was tried, and what became of it.
    #[serde(default)]
    pub account: Vec<Group>,
    #[serde(default)]
    pub waived: Option<AppliedWaiver>,
    /// The command that runs only this experiment again.
    pub rerun: String,
    /// Through the edge: what the service alone came to.
    #[serde(default)]
    pub without_edge: Option<Verdict>,
    /// What `seaworthy run` would do about a failure.
    #[serde(default)]
    pub supply: Option<String>,
}

impl Row {
    pub fn new(id: &str, judgement: Judgement, seconds: f64) -> Self {
        let entry = catalogue::find(id);
        Self {
            id: id.to_owned(),
            family: entry.map_or(Family::Lifecycle, |entry| entry.family),
            risk: entry.map_or(Risk::Low, |entry| entry.risk),
            promise: entry.map_or(String::new(), |entry| entry.promise.to_owned()),
            verdict: judgement.verdict(),
            account: judgement.account().groups().to_vec(),
            summary: judgement.summary,
            seconds,
            findings: judgement.findings,
            waived: None,
            rerun: String::new(),
            without_edge: None,
            supply: None,
        }
    }

    fn earns(&self) -> bool {
        self.verdict == Verdict::Pass && self.waived.is_none()
    }
}

/// How many of the applicable controls were decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Coverage {
    pub decided: usize,
    pub applicable: usize,
}

/// What the evidence is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The name of the run's folder.
    pub run: String,
    /// When the run began, RFC 3339, UTC.
    pub date: String,
    /// After this moment the evidence no longer counts, RFC 3339, UTC.
    pub expires: String,
    pub seaworthy: String,
    /// The commit that was proven; empty outside a git checkout.
    pub commit: String,
    /// Whether the work tree differed from the commit.
    pub dirty: bool,
    /// SHA-256 of the manifest.
    pub manifest: String,
    /// SHA-256 of the program that was started, where it is a file.
    pub artifact: String,
    pub seed: u64,
    /// What kept the run away from the user's files and network: `namespaces`, `landlock` or
    /// `copies`; empty for a deployed service.
    #[serde(default)]
    pub isolation: String,
    /// Versions of what the lab provided, for example `postgres 15.18`.
    #[serde(default)]
    pub lab: Vec<String>,
}

/// Something that happened beside the experiments.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    pub text: String,
    /// What to do about it, where something is known.
    #[serde(default)]
    pub advice: String,
    /// The last lines that were written, when they matter.
    #[serde(default)]
    pub log: Vec<String>,
}

/// The result of a proof.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scorecard {
    pub service: String,
    /// 0 to 100, one decimal; absent when only a part of the controls was asked for.
    pub score: Option<f64>,
    pub coverage: Coverage,
    /// How many controls of the catalogue this version can try, and how many there are.
    pub catalogue: (usize, usize),
    /// The run was interrupted: what is not here was not tried.
    pub partial: bool,
    pub controls: Vec<Row>,
    pub evidence: Binding,
    /// What happened beside the experiments and is worth knowing.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// Lines of the manifest that would decide what is undecided, the most useful first.
    #[serde(default)]
    pub suggestions: Vec<Suggestion>,
}

impl Scorecard {
    /// A scorecard of these rows and nothing else.
    pub fn of(rows: Vec<Row>) -> Self {
        let (score, coverage) = (Self::score(&rows), Self::coverage(&rows));
        Self { score, coverage, controls: rows, ..Self::default() }
    }

    pub fn coverage(rows: &[Row]) -> Coverage {
        let applicable = rows.iter().filter(|row| row.verdict != Verdict::NotApplicable);
        Coverage {
            decided: applicable.clone().filter(|row| row.verdict.is_decided()).count(),
            applicable: applicable.count(),
        }
    }

    /// 100 · Σ weight(pass) / Σ weight(applicable), at most [`CRITICAL_CAP`] when a critical
    /// control failed; none when nothing applies.
    pub fn score(rows: &[Row]) -> Option<f64> {
        let applicable: Vec<_> =
            rows.iter().filter(|row| row.verdict != Verdict::NotApplicable).collect();
        // An empty sum of floating-point numbers is -0.0, and nobody wants to read that.
        let sum = |weights: &mut dyn Iterator<Item = f64>| weights.fold(0.0, |sum, one| sum + one);
        let whole = sum(&mut applicable.iter().map(|row| row.risk.weight()));
        if whole == 0.0 {
            return None;
        }
        let earned = applicable.iter().filter(|row| row.earns());
        let earned = sum(&mut earned.map(|row| row.risk.weight()));
        let score = (1000.0 * earned / whole).round() / 10.0;
        let sunk =
            applicable.iter().any(|row| row.risk == Risk::Critical && row.verdict == Verdict::Fail);
        Some(if sunk { score.min(CRITICAL_CAP) } else { score })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, verdict: Verdict) -> Row {
        Row { verdict, ..Row::new(id, Judgement::inconclusive(""), 0.0) }
    }

    #[test]
    fn inconclusive_earns_nothing_and_stays_in_the_denominator() {
        let rows = [row("startup", Verdict::Pass), row("liveness", Verdict::Inconclusive)];
        assert_eq!(Scorecard::score(&rows), Some(50.0));
        assert_eq!(Scorecard::coverage(&rows), Coverage { decided: 1, applicable: 2 });
    }

    #[test]
    fn nothing_earned_is_a_plain_zero() {
        let score =
            Scorecard::score(&[row("startup", Verdict::Inconclusive)]).expect("one applies");
        assert_eq!(format!("{score:.1}"), "0.0");
    }

    #[test]
    fn a_failed_critical_control_caps_the_score() {
        let mut rows = vec![row("environment", Verdict::Fail)];
        rows.extend(
            ["startup", "liveness", "readiness", "graceful-shutdown"]
                .map(|id| row(id, Verdict::Pass)),
        );
        assert_eq!(Scorecard::score(&rows), Some(CRITICAL_CAP));
    }

    #[test]
    fn not_applicable_leaves_the_denominator_and_nothing_gives_no_score() {
        let rows = [row("startup", Verdict::Pass), row("environment", Verdict::NotApplicable)];
        assert_eq!(Scorecard::score(&rows), Some(100.0));
        assert_eq!(Scorecard::score(&rows[1..]), None);
    }

    #[test]
    fn a_waiver_earns_nothing() {
        let mut waived = row("startup", Verdict::Pass);
        waived.waived = Some(AppliedWaiver {
            reason: "r".into(),
            owner: "o".into(),
            expires: "2030-01-01".into(),
            expired: false,
        });
        assert_eq!(Scorecard::score(&[waived]), Some(0.0));
    }
}
