//! Whether the evidence of a commit lets it through. Pure.

use model::{Row, Scorecard, Verdict};
use settings::gates::Gate;

/// What a gate is asked with.
#[derive(Debug)]
pub struct Question<'a> {
    pub gate: &'a Gate,
    pub card: &'a Scorecard,
    /// The commit that is to go through; empty where nobody knows.
    pub commit: &'a str,
    /// Now, RFC 3339, UTC.
    pub now: &'a str,
    /// What a ratchet compares with.
    pub base: Option<&'a Scorecard>,
}

/// Why the gate stays closed; nothing, where it opens.
pub fn closed_by(question: &Question<'_>) -> Vec<String> {
    let mut reasons = of_the_evidence(question);
    reasons.extend(of_the_figures(question));
    reasons.extend(if question.gate.ratchet {
        of_the_ratchet(question)
    } else {
        of_the_verdicts(question)
    });
    reasons
}

/// The evidence must be of this commit, whole, clean and fresh.
fn of_the_evidence(question: &Question<'_>) -> Vec<String> {
    let Question { gate, card, commit, now, .. } = question;
    let evidence = &card.evidence;
    let short = |commit: &str| commit.chars().take(12).collect::<String>();
    let mut reasons = Vec::new();
    if commit.is_empty() {
        reasons.push("there is no commit here that the evidence could be of".to_owned());
    } else if evidence.commit != *commit {
        let of = match evidence.commit.as_str() {
            "" => "no commit".to_owned(),
            other => format!("commit {}", short(other)),
        };
        let run = &evidence.run;
        reasons.push(format!("the evidence ({run}) is of {of}, expected {}", short(commit)));
    }
    if evidence.dirty && !gate.dirty {
        reasons.push("the work tree differed from its commit when it was proven".to_owned());
    }
    if card.partial {
        reasons.push("the run was interrupted".to_owned());
    } else if card.score.is_none() {
        reasons.push("only a part of the controls was tried".to_owned());
    }
    // RFC 3339 in UTC sorts as text.
    if evidence.expires.as_str() <= *now {
        reasons.push(format!("the evidence expired {}", evidence.expires));
    }
    if let (Some(most), Some(age)) = (&gate.max_age, age(&evidence.date, now))
        && age > most.0
    {
        reasons.push(format!(
            "the evidence is {} hours old, expected at most {}",
            age.as_secs() / 3600,
            most.0.as_secs() / 3600
        ));
    }
    reasons
}

fn age(date: &str, now: &str) -> Option<std::time::Duration> {
    let (date, now): (jiff::Timestamp, jiff::Timestamp) = (date.parse().ok()?, now.parse().ok()?);
    now.duration_since(date).try_into().ok()
}

fn of_the_figures(question: &Question<'_>) -> Vec<String> {
    let Question { gate, card, .. } = question;
    let mut reasons = Vec::new();
    if let (Some(least), Some(score)) = (gate.min_score, card.score)
        && score < least
    {
        reasons.push(format!("the score is {score:.1}, expected at least {least}"));
    }
    let coverage = &card.coverage;
    let decided = 100 * coverage.decided / coverage.applicable.max(1);
    if let Some(least) = gate.min_coverage.map(usize::from).filter(|least| decided < *least) {
        reasons.push(format!(
            "{} of {} applicable controls were decided ({decided} %), expected at least {least} %",
            coverage.decided, coverage.applicable
        ));
    }
    if coverage.decided == 0 {
        reasons.push("nothing was decided".to_owned());
    }
    reasons
}

/// Required controls have passed; without a list of them, none has failed.
fn of_the_verdicts(question: &Question<'_>) -> Vec<String> {
    let Question { gate, card, .. } = question;
    if gate.required.is_empty() {
        let failed = card.controls.iter().filter(|row| row.verdict == Verdict::Fail);
        return failed.filter(|row| !is_excused(row)).map(told).collect();
    }
    let mut reasons = Vec::new();
    for id in &gate.required {
        match card.controls.iter().find(|row| row.id == *id) {
            None => reasons.push(format!("{id} is required and was not tried")),
            Some(row) if holds(row) || is_excused(row) => {}
            Some(row) => reasons.push(format!("{} (required)", told(row))),
        }
    }
    reasons
}

/// Nothing that held before is broken now; what is not looked at any more does not hold.
fn of_the_ratchet(question: &Question<'_>) -> Vec<String> {
    let Question { gate, card, base, .. } = question;
    let Some(base) = base else {
        return vec!["there is nothing to compare with; name a scorecard: --base PATH".to_owned()];
    };
    let held = base.controls.iter().filter(|row| row.verdict == Verdict::Pass);
    let held = held.map(|row| &row.id).chain(&gate.required);
    let mut reasons = Vec::new();
    for id in held {
        let reason = match card.controls.iter().find(|row| row.id == *id) {
            None => format!("{id} held before and was not tried now"),
            Some(row) if holds(row) || is_excused(row) => continue,
            Some(row) => format!("{}; it held in {}", told(row), base.evidence.run),
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

fn holds(row: &Row) -> bool {
    matches!(row.verdict, Verdict::Pass | Verdict::NotApplicable)
}

fn is_excused(row: &Row) -> bool {
    row.waived.as_ref().is_some_and(|waiver| !waiver.expired)
}

fn told(row: &Row) -> String {
    format!("{} {}: {}", row.id, row.verdict.word(), row.summary)
}

#[cfg(test)]
mod tests {
    use model::Judgement;
    use model::scorecard::{AppliedWaiver, Binding};

    use super::*;

    const NOW: &str = "2026-11-27T12:00:00Z";

    fn card(rows: &[(&str, Verdict)]) -> Scorecard {
        let rows: Vec<Row> = rows
            .iter()
            .map(|(id, verdict)| Row {
                verdict: *verdict,
                ..Row::new(id, Judgement::inconclusive("why"), 0.0)
            })
            .collect();
        Scorecard {
            service: "shop".to_owned(),
            evidence: Binding {
                run: "run".to_owned(),
                commit: "abc".to_owned(),
                date: "2026-11-27T10:00:00Z".to_owned(),
                expires: "2026-12-27T10:00:00Z".to_owned(),
                ..Binding::default()
            },
            ..Scorecard::of(rows)
        }
    }

    fn closed(gate: &Gate, card: &Scorecard, base: Option<&Scorecard>) -> Vec<String> {
        closed_by(&Question { gate, card, commit: "abc", now: NOW, base })
    }

    #[test]
    fn it_opens_where_nothing_failed_and_closes_where_something_did() {
        let good = card(&[("startup", Verdict::Pass), ("cors", Verdict::Inconclusive)]);
        assert_eq!(closed(&Gate::default(), &good, None), Vec::<String>::new());
        let mut bad = card(&[("startup", Verdict::Pass), ("cors", Verdict::Fail)]);
        assert_eq!(closed(&Gate::default(), &bad, None), ["cors fail: why"]);
        let (reason, owner, expires) =
            ("known".to_owned(), "ann".to_owned(), "2027-01-01".to_owned());
        bad.controls[1].waived = Some(AppliedWaiver { reason, owner, expires, expired: false });
        assert!(closed(&Gate::default(), &bad, None).is_empty(), "a waiver that holds excuses it");
    }

    #[test]
    fn the_evidence_is_of_this_commit_whole_clean_and_fresh() {
        let good = card(&[("startup", Verdict::Pass)]);
        let other = closed_by(&Question {
            gate: &Gate::default(),
            card: &good,
            commit: "def",
            now: NOW,
            base: None,
        });
        assert_eq!(other, ["the evidence (run) is of commit abc, expected def"]);
        let late = Question {
            gate: &Gate::default(),
            card: &good,
            commit: "abc",
            now: "2027-01-01T00:00:00Z",
            base: None,
        };
        assert!(closed_by(&late)[0].contains("expired"));
        let mut dirty = good.clone();
        dirty.evidence.dirty = true;
        assert_eq!(closed(&Gate::default(), &dirty, None).len(), 1);
        assert!(closed(&Gate { dirty: true, ..Gate::default() }, &dirty, None).is_empty());
        let part = Scorecard { score: None, ..good.clone() };
        assert_eq!(
            closed(&Gate::default(), &part, None),
            ["only a part of the controls was tried"]
        );
        let hour = settings::Span(std::time::Duration::from_secs(3600));
        let old = closed(&Gate { max_age: Some(hour), ..Gate::default() }, &good, None);
        assert_eq!(old, ["the evidence is 2 hours old, expected at most 1"]);
    }

    #[test]
    fn what_is_required_must_have_been_tried_and_hold() {
        let gate = Gate {
            required: vec!["startup".into(), "cors".into(), "metrics".into()],
            ..Gate::default()
        };
        let found = closed(
            &gate,
            &card(&[("startup", Verdict::Pass), ("cors", Verdict::Inconclusive)]),
            None,
        );
        assert_eq!(
            found,
            ["cors inconclusive: why (required)", "metrics is required and was not tried"]
        );
    }

    #[test]
    fn a_ratchet_lets_old_failures_through_and_nothing_slip() {
        let gate = Gate { ratchet: true, ..Gate::default() };
        let base = card(&[
            ("startup", Verdict::Pass),
            ("cors", Verdict::Fail),
            ("metrics", Verdict::Pass),
        ]);
        assert!(closed(&gate, &base, Some(&base)).is_empty());
        let now = card(&[("startup", Verdict::Fail), ("cors", Verdict::Fail)]);
        let found = closed(&gate, &now, Some(&base));
        assert_eq!(
            found,
            ["startup fail: why; it held in run", "metrics held before and was not tried now"]
        );
        assert_eq!(closed(&gate, &now, None).len(), 1, "without a base nothing is let through");
    }

    #[test]
    fn figures_are_held_to() {
        let half = card(&[("startup", Verdict::Pass), ("cors", Verdict::Inconclusive)]);
        let gate = Gate { min_coverage: Some(90), min_score: Some(80.0), ..Gate::default() };
        let found = closed(&gate, &half, None);
        assert!(
            found.iter().any(|reason| reason.contains("(50 %), expected at least 90 %")),
            "{found:?}"
        );
    }
}
