//! The scorecard: by family, then what is wrong, then the score.

use std::collections::BTreeMap;

use model::{Row, Scorecard, Severity, Verdict};

use super::findings;
use crate::style::{Styles, paint};
use crate::words::{count, label, through_the_edge, tried, wrap};

/// With more controls than this, those that passed are folded.
const FOLDED_ABOVE: usize = 8;

/// So many controls that are undecided for the same reason are told together.
const TOGETHER: usize = 3;

/// The whole scorecard as text, for a terminal of this width.
pub fn scorecard(card: &Scorecard, styles: &Styles, width: usize) -> String {
    let width = width.clamp(60, 120);
    let mut out = String::new();
    out.push_str(&format!(
        "\n{}\n",
        paint(styles.heading, &format!("{} · production readiness", card.service))
    ));
    for note in &card.notes {
        out.push_str(&findings::note(note, styles, width));
    }
    let shared = shared_reasons(card);
    let is_shared = |row: &Row| undecided(row).is_some_and(|why| shared.contains_key(why));
    for rows in card.controls.chunk_by(|one, next| one.family == next.family) {
        let family = rows[0].family.word();
        out.push_str(&format!("\n  {}\n", paint(styles.strong, family)));
        if card.controls.len() > FOLDED_ABOVE {
            out.push_str(&folded(rows, &is_shared, styles, width));
        } else {
            rows.iter().for_each(|row| out.push_str(&line(row, styles, width)));
        }
    }
    let mut wrong: Vec<_> = card.controls.iter().filter(|row| deserves_details(row)).collect();
    wrong.sort_by_key(|row| (row.verdict != Verdict::Fail, row.risk));
    let (open, wrong): (Vec<_>, Vec<_>) =
        wrong.into_iter().filter(|row| !is_shared(row)).partition(|row| is_open(row));
    for row in wrong {
        out.push('\n');
        out.push_str(&findings::details(row, styles, width));
    }
    for (why, ids) in &shared {
        out.push('\n');
        out.push_str(&findings::undecided(ids, why, styles, width));
    }
    out.push_str(&findings::open(&open, &card.suggestions, styles, width));
    out.push_str(&format!("\n{}\n", totals(card, styles, width)));
    out
}

/// Undecided, with nothing more to say than what would decide it.
fn is_open(row: &Row) -> bool {
    let quiet = row.findings.iter().all(|finding| finding.severity == Severity::Note);
    row.verdict == Verdict::Inconclusive && row.waived.is_none() && quiet
}

fn deserves_details(row: &Row) -> bool {
    let found = row.findings.iter().any(|finding| finding.severity != Severity::Note);
    found || matches!(row.verdict, Verdict::Fail | Verdict::Error | Verdict::Inconclusive)
}

/// Why a row is undecided, when nothing at all was seen.
fn undecided(row: &Row) -> Option<&str> {
    let nothing = row.findings.is_empty() && row.account.is_empty();
    (row.verdict == Verdict::Inconclusive && nothing).then_some(row.summary.as_str())
}

/// The reasons for which several controls are undecided, such as a step that failed, with them.
fn shared_reasons(card: &Scorecard) -> BTreeMap<&str, Vec<&str>> {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &card.controls {
        if let Some(why) = undecided(row) {
            all.entry(why).or_default().push(&row.id);
        }
    }
    all.retain(|_, ids| ids.len() >= TOGETHER);
    all
}

/// A family of a long scorecard: what is wrong first, by risk; what passed in one paragraph, and
/// what is undecided for a shared reason in another.
fn folded(
    rows: &[Row],
    is_shared: &impl Fn(&Row) -> bool,
    styles: &Styles,
    width: usize,
) -> String {
    let is_plain = |row: &Row| {
        row.waived.is_none() && !moved(row) && (row.verdict == Verdict::Pass || is_shared(row))
    };
    let (plain, mut open): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| is_plain(row));
    let place = |row: &&Row| {
        (row.verdict != Verdict::Fail, row.verdict == Verdict::NotApplicable, row.risk)
    };
    open.sort_by_key(place);
    let mut out: String = open.iter().map(|row| line(row, styles, width)).collect();
    for verdict in [Verdict::Inconclusive, Verdict::Pass] {
        let rows: Vec<_> = plain.iter().filter(|row| row.verdict == verdict).collect();
        let names = rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>().join(", ");
        let word = match rows.len() {
            0 => continue,
            1 => label(verdict).to_owned(),
            count => format!("{count} {}", label(verdict)),
        };
        let word = format!("{word:>12}");
        let (wide, mut lead) = (word.len(), paint(styles.verdict(verdict), &word));
        for text in wrap(&names, width.saturating_sub(wide + 2)) {
            out.push_str(&format!("{lead}  {text}\n"));
            lead = " ".repeat(wide);
        }
    }
    out
}

/// Whether the edge changed the verdict.
fn moved(row: &Row) -> bool {
    row.without_edge.is_some_and(|bare| bare != row.verdict)
}

fn line(row: &Row, styles: &Styles, width: usize) -> String {
    let verdict = paint(styles.verdict(row.verdict), &format!("{:>12}", label(row.verdict)));
    let risk = paint(styles.faint, &format!("{:<8}", row.risk.word()));
    let lead = 12 + 2 + 20 + 1 + 8 + 1;
    let text = match row.verdict {
        Verdict::Pass | Verdict::NotApplicable => &row.summary,
        _ => &row.promise,
    };
    let waived = row.waived.as_ref().map(|waiver| {
        if waiver.expired {
            format!(" (waiver expired {})", waiver.expires)
        } else {
            format!(" (waived until {} by {}: {})", waiver.expires, waiver.owner, waiver.reason)
        }
    });
    let alone = row.without_edge.filter(|bare| *bare != row.verdict);
    let alone = alone.map(|bare| format!("alone: {}; ", label(bare))).unwrap_or_default();
    let tried = tried(&row.account).filter(|_| row.verdict == Verdict::Pass);
    let tried = tried.map(|tried| format!(" · {tried}")).unwrap_or_default();
    let text = format!("{alone}{text}{tried}{}", waived.unwrap_or_default());
    let mut lines = wrap(&text, width.saturating_sub(lead)).into_iter();
    let first = lines.next().unwrap_or_default();
    let mut out = format!("{verdict}  {:<20} {risk} {}\n", row.id, paint(styles.faint, &first));
    for more in lines {
        out.push_str(&format!("{:lead$}{}\n", "", paint(styles.faint, &more)));
    }
    out
}

fn totals(card: &Scorecard, styles: &Styles, width: usize) -> String {
    let with = |verdict| card.controls.iter().filter(|row| row.verdict == verdict).count();
    let mut parts = vec![paint(styles.pass, &format!("{} passed", with(Verdict::Pass)))];
    for (verdict, word) in [
        (Verdict::Fail, "failed"),
        (Verdict::Inconclusive, "inconclusive"),
        (Verdict::Error, "in error"),
        (Verdict::NotApplicable, "not applicable"),
    ] {
        if with(verdict) > 0 {
            parts.push(paint(styles.verdict(verdict), &format!("{} {word}", with(verdict))));
        }
    }
    let score = score(card, styles);
    let coverage = format!(
        "coverage: {} of {} decided",
        card.coverage.decided,
        count(card.coverage.applicable, "applicable control")
    );
    let (built, all) = card.catalogue;
    let catalogue = format!("this version tries {built} of the {all} controls of the catalogue");
    let edge = through_the_edge(card).map(|text| wrap(&text, width)).unwrap_or_default();
    let edge: String = edge.iter().map(|line| format!("\n{line}")).collect();
    format!("{}{edge}\n{score} · {coverage}\n{}", parts.join(", "), paint(styles.faint, &catalogue))
}

fn score(card: &Scorecard, styles: &Styles) -> String {
    match card.score {
        Some(score) => paint(styles.strong, &format!("score {score:.1} of 100")),
        None if card.partial => "no score: the run was interrupted".to_owned(),
        None => "no score: only a part was tried".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One try landed, and this is what was found.
    fn judged(held: &str, findings: Vec<Finding>) -> Judgement {
        let mut tally = Tally::of("tries");
        tally.landed();
        let account = Account::default().with(tally, Need::All);
        model::conclude(account, Ruling::from_findings(held, findings))
    }
    use model::{Account, Finding, Judgement, Need, Ruling, Tally};

    #[test]
    fn a_long_scorecard_is_folded_and_what_is_wrong_comes_first() {
        let passed = |id: &str| Row::new(id, judged("held", vec![]), 1.0);
        let failed = |id: &str| {
            let finding = Finding::fail("cause", "seen");
            Row::new(id, judged("", vec![finding]), 1.0)
        };
        let rows = [
            passed("https-only"),
            failed("body-limits"),
            failed("input-validation"),
            passed("cors"),
        ];
        let text = folded(&rows, &|_| false, &Styles::plain(), 100);
        let lines: Vec<_> =
            text.lines().map(|line| line.split_whitespace().take(3).collect::<Vec<_>>()).collect();
        assert_eq!(lines[0][..2], ["FAIL", "input-validation"], "the higher risk first: {text}");
        assert_eq!(lines[2][..2], ["FAIL", "body-limits"], "{text}");
        assert!(text.ends_with("2 PASS  https-only, cors\n"), "{text}");
    }

    #[test]
    fn a_reason_that_several_share_is_told_once() {
        let row = |id: &str| Row::new(id, Judgement::inconclusive("a step failed"), 0.0);
        let ids = ["startup", "liveness", "readiness", "cors", "uploads", "metrics"];
        let mut rows: Vec<_> = ids.into_iter().map(row).collect();
        rows.push(Row::new("exposure", Judgement::inconclusive("another reason"), 0.0));
        rows.extend(["pagination", "compression"].map(|id| Row::new(id, judged("", vec![]), 1.0)));
        let card = Scorecard { service: "shop".into(), catalogue: (2, 71), ..Scorecard::of(rows) };
        let text = scorecard(&card, &Styles::plain(), 100);
        assert_eq!(text.matches("a step failed").count(), 1, "{text}");
        let together = "INCONCLUSIVE startup, liveness, readiness, cors, uploads, metrics\n  \
                        why        a step failed\n";
        assert!(text.contains(together), "{text}");
        assert!(text.contains("3 INCONCLUSIVE  startup, liveness, readiness\n"), "{text}");
        let open = "undecided, and what would decide it\n  exposure\n    another reason\n";
        assert!(text.contains(open), "{text}");
    }

    #[test]
    fn what_the_edge_could_do_is_told_with_the_totals() {
        let finding = Finding::fail("missing", "x");
        let mut row = Row::new("security-headers", judged("", vec![finding]), 1.0);
        row.supply = Some("adds what is missing".into());
        let mut card = Scorecard::of(vec![row]);
        let text = scorecard(&card, &Styles::plain(), 120);
        assert!(text.contains("can mend 1 of these without a change to it: security-headers"));
        card.controls[0].without_edge = Some(Verdict::Fail);
        card.controls[0].verdict = Verdict::Pass;
        let text = scorecard(&card, &Styles::plain(), 120);
        assert!(text.contains("the service alone: 0 passed, 1 failed"), "{text}");
    }

    #[test]
    fn a_failure_is_repeated_last_with_all_that_helps() {
        let finding = Finding::fail("exited-zero", "absent: it exited with code 0")
            .about("JWT_SECRET")
            .seen(1, 1)
            .fix("exit with another code")
            .log(vec!["\u{1b}[31mbye\u{1b}[0m".into()]);
        let mut failed = Row::new("environment", judged("", vec![finding]), 1.5);
        failed.rerun = "seaworthy prove --only environment".into();
        let passed = Row::new("startup", judged("ready in 50 ms", vec![]), 1.0);
        let rows = vec![passed, failed];
        let card = Scorecard { service: "shop".into(), catalogue: (2, 64), ..Scorecard::of(rows) };
        let text = scorecard(&card, &Styles::plain(), 100);
        let expected = "
shop · production readiness

  lifecycle
        PASS  startup              high     ready in 50 ms · tried 1 of 1

  configuration
        FAIL  environment          critical it refuses to start when a required variable is absent,
                                            empty or malformed, and names it

FAIL environment · critical
  JWT_SECRET · exited-zero
    seen     absent: it exited with code 0
    fix      exit with another code
    output   bye
  tried      tries: 1 of 1
  rerun      seaworthy prove --only environment
  explain    seaworthy explain environment

1 passed, 1 failed
score 42.9 of 100 · coverage: 2 of 2 applicable controls decided
this version tries 2 of the 64 controls of the catalogue
";
        assert_eq!(text, expected);
    }
}
