//! A page that stands alone: no script, no font, no address of another machine. Everything in it
//! was masked when it was recorded, so it is safe to upload.

mod timeline;

use std::fmt::Write;

use model::{Finding, Observation, Row, Scorecard, Severity, Verdict};

use crate::words::{account, harmless, label, through_the_edge};

/// The observations of each experiment, by the control's id.
pub type Evidence = Vec<(String, Vec<Observation>)>;

const STYLE: &str = include_str!("html/style.css");

/// The whole page.
pub fn page(card: &Scorecard, evidence: &Evidence) -> String {
    let mut body = String::new();
    head(&mut body, card);
    let mut family = None;
    for row in &card.controls {
        if family != Some(row.family) {
            family = Some(row.family);
            let _ = writeln!(body, "<h2>{}</h2>", row.family.word());
        }
        let seen = evidence.iter().find(|(id, _)| *id == row.id).map(|(_, seen)| seen.as_slice());
        control(&mut body, row, seen.unwrap_or_default());
    }
    suggestions(&mut body, card);
    foot(&mut body, card);
    let title = escape(&card.service);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title} · production readiness</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in harmless(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

/// Lines as lines: a break within a text is made harmless like any other control character.
fn escaped_lines(lines: &[String]) -> String {
    lines.iter().map(|line| escape(line)).collect::<Vec<_>>().join("\n")
}

fn head(out: &mut String, card: &Scorecard) {
    let score = match card.score {
        Some(score) => format!("{score:.1}<small> of 100</small>"),
        None if card.partial => "<small>interrupted, no score</small>".to_owned(),
        None => "<small>a part, no score</small>".to_owned(),
    };
    let (built, all) = card.catalogue;
    let _ = write!(
        out,
        "<header>\n<h1>{}</h1>\n<p class=\"score\">{score}</p>\n<p class=\"sub\">{} of {} applicable \
         controls decided · this version tries {built} of the {all} controls of the catalogue</p>\n",
        escape(&card.service),
        card.coverage.decided,
        card.coverage.applicable,
    );
    if let Some(text) = through_the_edge(card) {
        let _ = writeln!(out, "<p class=\"sub\">{}</p>", escape(&text));
    }
    for note in &card.notes {
        let _ =
            writeln!(out, "<p class=\"note\">{}{}</p>", escape(&note.text), advice(&note.advice));
        if !note.log.is_empty() {
            let _ = writeln!(out, "<pre>{}</pre>", escaped_lines(&note.log));
        }
    }
    out.push_str("<ul class=\"sum\">\n");
    for row in &card.controls {
        let class = class(row.verdict);
        let (id, label) = (escape(&row.id), label(row.verdict));
        let _ =
            writeln!(out, "<li><a class=\"{class}\" href=\"#{id}\">{id} <b>{label}</b></a></li>");
    }
    out.push_str("</ul>\n</header>\n");
}

fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail | Verdict::Error => "fail",
        Verdict::Inconclusive => "undecided",
        Verdict::NotApplicable => "na",
    }
}

fn control(out: &mut String, row: &Row, seen: &[Observation]) {
    let class = class(row.verdict);
    let _ = write!(
        out,
        "<section id=\"{id}\" class=\"{class}\">\n<h3><span class=\"tag {class}\">{label}</span> {id} \
         <small>{risk} · {seconds:.1} s</small></h3>\n<p class=\"promise\">{promise}</p>\n\
         <p>{summary}</p>\n",
        id = escape(&row.id),
        label = label(row.verdict),
        risk = row.risk.word(),
        seconds = row.seconds,
        promise = escape(&row.promise),
        summary = escape(&row.summary),
    );
    if !row.account.is_empty() {
        let account = account(&row.account);
        if !account.is_empty() {
            let _ = writeln!(out, "<p class=\"account\">tried {}</p>", escape(&account));
        }
    }
    edge(out, row);
    if let Some(waiver) = &row.waived {
        let word = if waiver.expired { "waiver expired" } else { "waived until" };
        let _ = writeln!(
            out,
            "<p class=\"waiver\">{word} {} by {}: {}</p>",
            escape(&waiver.expires),
            escape(&waiver.owner),
            escape(&waiver.reason)
        );
    }
    for one in &row.findings {
        finding(out, one);
    }
    timeline::trials(out, seen);
    let _ = write!(out, "<p class=\"again\"><code>{}</code></p>\n</section>\n", escape(&row.rerun));
}

/// What the service was alone, where the edge stood before it, and what the edge could do.
fn edge(out: &mut String, row: &Row) {
    if let Some(bare) = row.without_edge {
        let (class, label) = (class(bare), label(bare));
        let _ = writeln!(out, "<p>The service alone: <b class=\"tag {class}\">{label}</b></p>");
    }
    if let Some(supply) = &row.supply {
        let _ = writeln!(out, "<p><b>seaworthy run can supply it:</b> {}</p>", escape(supply));
    }
}

fn finding(out: &mut String, finding: &Finding) {
    let class = match finding.severity {
        Severity::Fail => "fail",
        Severity::Warn => "undecided",
        Severity::Note => "na",
    };
    let times = finding.seen.filter(|(_, of)| *of > 1);
    let times = times.map_or(String::new(), |(times, of)| format!(" · {times} of {of}"));
    let subject = match finding.subject.as_str() {
        "" => String::new(),
        subject => format!("{} · ", escape(subject)),
    };
    let cause = escape(&finding.cause);
    let witness = escape(&finding.witness);
    let _ = write!(
        out,
        "<div class=\"finding {class}\">\n<h4>{subject}{cause}{times}</h4>\n<p>{witness}</p>\n"
    );
    if !finding.fix.is_empty() {
        let _ = writeln!(out, "<p><b>Fix:</b> {}</p>", escape(&finding.fix));
    }
    if let Some(request) = &finding.request {
        let _ = writeln!(out, "<pre>{}</pre>", escape(request));
    }
    if !finding.log.is_empty() {
        let _ = writeln!(out, "<pre>{}</pre>", escaped_lines(&finding.log));
    }
    out.push_str("</div>\n");
}

/// The lines of the manifest that would decide more.
fn suggestions(out: &mut String, card: &Scorecard) {
    if card.suggestions.is_empty() {
        return;
    }
    out.push_str("<h2>What would decide more</h2>\n<dl>\n");
    for suggestion in &card.suggestions {
        let _ = writeln!(
            out,
            "<dt>{}</dt><dd>{}<pre>{}</pre></dd>",
            escape(&suggestion.controls.join(", ")),
            escape(&suggestion.what),
            escaped_lines(&suggestion.lines)
        );
    }
    out.push_str("</dl>\n");
}

fn foot(out: &mut String, card: &Scorecard) {
    let evidence = &card.evidence;
    let dirty = if evidence.dirty { " (with changes)" } else { "" };
    let commit = if evidence.commit.is_empty() { "not in git" } else { &evidence.commit };
    out.push_str("<footer>\n<h2>What this is bound to</h2>\n<dl>\n");
    for (name, value) in [
        ("run", evidence.run.clone()),
        ("date", evidence.date.clone()),
        ("counts until", evidence.expires.clone()),
        ("commit", format!("{commit}{dirty}")),
        ("manifest (SHA-256)", evidence.manifest.clone()),
        ("artifact (SHA-256)", evidence.artifact.clone()),
        ("seed", evidence.seed.to_string()),
        ("lab", evidence.lab.join(", ")),
        ("seaworthy", evidence.seaworthy.clone()),
    ] {
        if !value.is_empty() {
            let _ = writeln!(out, "<dt>{name}</dt><dd>{}</dd>", escape(&value));
        }
    }
    out.push_str("</dl>\n</footer>\n");
}

/// What to do about a note, on a line of its own.
fn advice(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<br><b>Fix:</b> {}", escape(text)) }
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
        let lines = "<pre>[controls.metrics]\npath = &quot;/&lt;b&gt;&quot;</pre>";
        assert!(page.contains("<pre>first\nsecond</pre>"), "so is the log of a note");
        assert!(page.contains(lines), "the lines that would decide more, each on its own");
        assert!(!page.contains('\u{1b}'));
    }

    #[test]
    fn the_service_alone_and_what_could_be_supplied_are_shown() {
        let judgement = judged("", vec![Finding::fail("missing", "x")]);
        let mut row = Row::new("security-headers", judgement, 1.0);
        row.supply = Some("adds <what> is missing".into());
        let page = page_with(row.clone(), &Vec::new());
        assert!(page.contains("can supply it:</b> adds &lt;what&gt; is missing"));
        assert!(page.contains("seaworthy run can supply 1: security-headers"));
        assert!(!page.contains("alone"));
        row.supply = None;
        row.without_edge = Some(Verdict::Fail);
        row.verdict = Verdict::Pass;
        let page = page_with(row, &Vec::new());
        assert!(page.contains("The service alone: <b class=\"tag fail\">FAIL</b>"));
        assert!(page.contains("the service alone: 0 passed, 1 failed"));
    }

    #[test]
    fn it_stands_alone_and_shows_what_happened() {
        let page = page_of("x");
        for address in ["http://", "https://", "src=", "url(", "@import"] {
            assert!(!page.contains(address), "{address}");
        }
        for word in ["SIGTERM", "slow", "half-body", "exited with code 0"] {
            assert!(page.contains(word), "{word}");
        }
    }
}
