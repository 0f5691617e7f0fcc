//! May it go out, and what first? One answer for the page and every other reader of a scorecard.

use model::{Row, Scorecard, Verdict};

use crate::words::count;

/// What a scorecard amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// A promise is broken, and nobody answers for it.
    No,
    /// Not enough was seen to say.
    Unknown,
    /// Nothing that was tried is broken.
    Yes,
}

/// The answer in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    pub may: May,
    /// One sentence.
    pub headline: String,
    /// What limits it.
    pub limits: Vec<String>,
}

/// Judges a whole scorecard.
pub fn readiness(card: &Scorecard) -> Readiness {
    let broken = broken(card);
    let with = |verdict| card.controls.iter().filter(|row| row.verdict == verdict).count();
    let undecided = with(Verdict::Inconclusive);
    let nothing = match card.controls.iter().filter(|row| is_waived(row)).count() {
        0 => "Nothing is broken".to_owned(),
        waived => format!("Nothing is broken beside {waived} waived"),
    };
    let held = count(with(Verdict::Pass), "promise");
    let (may, headline) = if !broken.is_empty() {
        (May::No, format!("Not ready: {}", promises_broken(&broken)))
    } else if card.partial {
        (May::Unknown, "Not known: the run was interrupted".to_owned())
    } else if with(Verdict::Error) > 0 {
        let errors = count(with(Verdict::Error), "control");
        (May::Unknown, format!("Not known: seaworthy itself failed at {errors}"))
    } else if card.coverage.decided == 0 {
        (May::Unknown, "Not known: nothing was decided".to_owned())
    } else if undecided > 0 {
        (May::Yes, format!("{nothing}: {held} kept, {undecided} not decided"))
    } else if card.controls.iter().any(is_waived) {
        (May::Yes, format!("{nothing}: {held} tried and kept"))
    } else {
        (May::Yes, format!("Ready: {held} tried and kept"))
    };
    Readiness { may, headline, limits: limits(card, broken.is_empty()) }
}

/// What is broken and not waived, the highest risk first.
pub fn broken(card: &Scorecard) -> Vec<&Row> {
    let is_broken = |row: &&Row| row.verdict == Verdict::Fail && !is_waived(row);
    let mut rows: Vec<_> = card.controls.iter().filter(is_broken).collect();
    rows.sort_by_key(|row| row.risk);
    rows
}

/// Whether somebody answers for a failure for now.
pub(crate) fn is_waived(row: &Row) -> bool {
    row.waived.as_ref().is_some_and(|waiver| !waiver.expired)
}

fn promises_broken(rows: &[&Row]) -> String {
    let mut by_risk: Vec<(&str, usize)> = Vec::new();
    for row in rows {
        match by_risk.last_mut() {
            Some((word, count)) if *word == row.risk.word() => *count += 1,
            _ => by_risk.push((row.risk.word(), 1)),
        }
    }
    if let [(risk, count)] = by_risk.as_slice() {
        return match count {
            1 => format!("1 {} promise is broken", adjective(risk)),
            count => format!("{count} {} promises are broken", adjective(risk)),
        };
    }
    let risks: Vec<_> = by_risk.iter().map(|(word, count)| format!("{count} {word}")).collect();
    format!("{} promises are broken ({})", rows.len(), risks.join(", "))
}

/// A risk before a noun.
fn adjective(risk: &str) -> String {
    if risk == "critical" { risk.to_owned() } else { format!("{risk}-risk") }
}

fn limits(card: &Scorecard, held: bool) -> Vec<String> {
    let mut all = Vec::new();
    if card.partial && !held {
        all.push("the run was interrupted: what is not here was not tried".to_owned());
    } else if card.score.is_none() && !card.partial {
        all.push("only the controls below were asked for, so there is no score".to_owned());
    }
    if card.evidence.dirty {
        all.push("the work tree differed from its commit".to_owned());
    }
    let waived = card.controls.iter().filter(|row| is_waived(row)).count();
    if waived > 0 {
        all.push(format!("{} waived", count(waived, "control")));
    }
    all
}

#[cfg(test)]
mod tests {
    use model::Judgement;
    use model::scorecard::AppliedWaiver;

    use super::*;

    fn card(rows: &[(&str, Verdict)]) -> Scorecard {
        let row = |(id, verdict): &(&str, Verdict)| Row {
            verdict: *verdict,
            ..Row::new(id, Judgement::inconclusive("why"), 0.0)
        };
        Scorecard::of(rows.iter().map(row).collect())
    }

    #[test]
    fn what_is_broken_says_no_by_risk() {
        use Verdict::{Fail, Pass};
        let card = card(&[("compression", Fail), ("environment", Fail), ("startup", Pass)]);
        let answer = readiness(&card);
        assert_eq!(answer.may, May::No);
        assert_eq!(answer.headline, "Not ready: 2 promises are broken (1 critical, 1 low)");
        assert_eq!(broken(&card)[0].id, "environment");
    }

    #[test]
    fn it_never_says_yes_to_what_nobody_saw() {
        use Verdict::{Error, Inconclusive, Pass};
        assert_eq!(readiness(&card(&[("startup", Inconclusive)])).may, May::Unknown);
        assert_eq!(readiness(&card(&[("startup", Error), ("cors", Pass)])).may, May::Unknown);
        let stopped = Scorecard { partial: true, score: None, ..card(&[("cors", Pass)]) };
        assert_eq!(readiness(&stopped).headline, "Not known: the run was interrupted");
        let open = readiness(&card(&[("startup", Pass), ("cors", Inconclusive)]));
        assert_eq!(open.headline, "Nothing is broken: 1 promise kept, 1 not decided");
        let all = readiness(&card(&[("startup", Pass), ("cors", Pass)]));
        assert_eq!(all.headline, "Ready: 2 promises tried and kept");
    }

    #[test]
    fn a_waiver_holds_until_it_expires() {
        let mut card = card(&[("startup", Verdict::Fail), ("cors", Verdict::Pass)]);
        let waiver = AppliedWaiver {
            reason: "r".into(),
            owner: "o".into(),
            expires: "2030-01-01".into(),
            expired: false,
        };
        card.controls[0].waived = Some(waiver.clone());
        assert_eq!(readiness(&card).limits, ["1 control waived"]);
        assert_ne!(readiness(&card).may, May::No);
        card.controls[0].waived = Some(AppliedWaiver { expired: true, ..waiver });
        assert_eq!(readiness(&card).may, May::No);
    }
}
