//! A page that stands alone: no script, no font, no address of another machine. Everything in it
//! was masked when it was recorded, so it is safe to upload.
//!
//! It is read from the top: may it go out, and what first; then what is broken by risk; then what
//! is not decided and what would decide it; then what holds.

mod answer;
mod bound;
mod broken;
mod finding;
mod held;
mod text;
mod timeline;
mod undecided;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use model::{Observation, Row, Scorecard, Verdict};

use crate::words::label;

/// The observations of each experiment, by the control's id.
pub type Evidence = Vec<(String, Vec<Observation>)>;

const STYLE: &str = include_str!("html/style.css");

/// Nothing but what stands in the page itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The whole page.
pub fn page(card: &Scorecard, evidence: &Evidence) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (text::line(&card.service)) " · production readiness" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (answer::answer(card))
                    (broken::broken(card, evidence))
                    (undecided::undecided(card))
                    (held::held(card, evidence))
                    (bound::bound(card))
                }
            }
        }
    };
    page.into_string()
}

/// What was seen in one experiment.
fn seen<'a>(evidence: &'a Evidence, row: &Row) -> &'a [Observation] {
    let of = evidence.iter().find(|(id, _)| *id == row.id);
    of.map(|(_, seen)| seen.as_slice()).unwrap_or_default()
}

/// The class of a verdict, which is its colour.
fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail | Verdict::Error => "fail",
        Verdict::Inconclusive => "undecided",
        Verdict::NotApplicable => "na",
    }
}

/// A verdict as a word in its colour.
fn tag(verdict: Verdict) -> Markup {
    html! { span class={ "tag " (class(verdict)) } { (label(verdict)) } }
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
    use model::scorecard::Binding;
    use model::{Account, Finding, Judgement, Need, Outcome, Ruling, Seen, Tally};

    fn page_with(row: Row, evidence: &Evidence) -> String {
        let card = Scorecard {
            service: "a & b".into(),
            score: Some(50.0),
            coverage: Scorecard::coverage(std::slice::from_ref(&row)),
            catalogue: (1, 64),
            partial: false,
            controls: vec![row],
            evidence: Binding::default(),
            notes: vec![model::Note {
                text: "n".into(),
                advice: String::new(),
                log: vec!["first".into(), "second".into()],
            }],
            suggestions: vec![model::Suggestion {
                lines: vec!["[controls.metrics]".into(), "path = \"/<b>\"".into()],
                what: "where they are".into(),
                controls: vec!["metrics".into()],
            }],
        };
        page(&card, evidence)
    }

    fn page_of(line: &str) -> String {
        let finding = Finding::fail("dropped", "<script>alert(1)</script>").log(vec![line.into()]);
        let row = Row::new("graceful-shutdown", judged("", vec![finding]), 1.0);
        let observe = |at, seen| Observation { at, trial: "t/1".into(), seen };
        let (client, request) = ("slow".to_owned(), "GET /<x>".to_owned());
        let outcome = Outcome::Closed { received: 0 };
        let seen = vec![
            observe(
                0,
                Seen::Trial { subject: "half-body".into(), method: "busy".into(), round: 1 },
            ),
            observe(10, Seen::Started { pid: 1, command: vec![], port: 1 }),
            observe(500_000, Seen::Signalled { signal: "SIGTERM".into(), pid: 1 }),
            observe(
                900_000,
                Seen::Exchanged { client, request, outcome, took_us: 600_000, reused: 0 },
            ),
            observe(950_000, Seen::Exited { pid: 1, code: Some(0), signal: None }),
        ];
        page_with(row, &vec![("graceful-shutdown".into(), seen)])
    }

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let page = page_of("<b>\u{1b}[31m\"</b>");
        assert!(!page.contains("<script>"));
        assert!(page.contains("&lt;script&gt;"));
        assert!(page.contains("GET /&lt;x&gt;"));
        assert!(page.contains("<pre>first\nsecond</pre>"), "so is the log of a note");
        assert!(!page.contains('\u{1b}'));
    }

    #[test]
    fn what_would_decide_it_stands_beside_what_is_undecided() {
        let row = Row::new("metrics", Judgement::inconclusive("where are they?"), 1.0);
        let page = page_with(row, &Vec::new());
        let lines = "<pre>[controls.metrics]\npath = &quot;/&lt;b&gt;&quot;</pre>";
        assert!(page.contains(lines), "each on its own line: {page}");
        assert!(page.contains("where are they?"));
    }

    #[test]
    fn the_service_alone_and_what_could_be_supplied_are_shown() {
        let judgement = judged("", vec![Finding::fail("missing", "x")]);
        let mut row = Row::new("security-headers", judgement, 1.0);
        row.supply = Some("adds <what> is missing".into());
        let page = page_with(row.clone(), &Vec::new());
        assert!(page.contains("in front of it adds &lt;what&gt; is missing"), "{page}");
        assert!(!page.contains("alone"));
        row.supply = None;
        row.without_edge = Some(Verdict::Fail);
        row.verdict = Verdict::Pass;
        let page = page_with(row, &Vec::new());
        assert!(page.contains("The service alone: <span class=\"tag fail\">FAIL</span>"));
    }

    #[test]
    fn it_stands_alone_and_shows_what_happened() {
        let page = page_of("x");
        for address in ["http://", "https://", "src=", "url(", "@import"] {
            assert!(!page.contains(address), "{address}");
        }
        for word in ["SIGTERM", "in flight", "half-body", "exited with code 0"] {
            assert!(page.contains(word), "{word}");
        }
    }
}
