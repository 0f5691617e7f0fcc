//! JUnit's XML, as the Ant task defined it and every CI reads it: a test case for each control.

use std::fmt::Write;

use model::{Finding, Row, Scorecard, Severity, Verdict};

use crate::words::harmless;

/// The whole document.
pub fn junit(card: &Scorecard) -> String {
    let with = |wanted: fn(&Row) -> bool| card.controls.iter().filter(|row| wanted(row)).count();
    let seconds: f64 = card.controls.iter().map(|row| row.seconds).sum();
    let figures = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{seconds:.3}\"",
        card.controls.len(),
        with(is_failure),
        with(|row| row.verdict == Verdict::Error),
        with(is_skipped),
    );
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {figures}>\n  <testsuite name=\"{}\" \
         {figures} timestamp=\"{}\">\n",
        escaped(&card.service),
        escaped(card.evidence.date.trim_end_matches('Z')),
    );
    for row in &card.controls {
        case(&mut out, row);
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn is_failure(row: &Row) -> bool {
    row.verdict == Verdict::Fail && !is_excused(row)
}

fn is_excused(row: &Row) -> bool {
    row.waived.as_ref().is_some_and(|waiver| !waiver.expired)
}

fn is_skipped(row: &Row) -> bool {
    let undecided = matches!(row.verdict, Verdict::Inconclusive | Verdict::NotApplicable);
    undecided || row.verdict == Verdict::Fail && is_excused(row)
}

fn case(out: &mut String, row: &Row) {
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        row.family.word(),
        row.id,
        row.seconds
    );
    let summary = escaped(&row.summary);
    let _ = match row.verdict {
        _ if is_failure(row) => writeln!(
            out,
            "{head}>\n      <failure message=\"{summary}\" type=\"{}\">{}</failure>\n    </testcase>",
            escaped(row.findings.first().map_or("", |finding| finding.cause.as_str())),
            escaped(&details(row)),
        ),
        Verdict::Error => writeln!(
            out,
            "{head}>\n      <error message=\"{summary}\" type=\"seaworthy\"/>\n    </testcase>"
        ),
        _ if is_skipped(row) => {
            let why = row.waived.as_ref().map_or_else(
                || format!("{}: {}", row.verdict.word(), row.summary),
                |waiver| format!("waived until {}: {}", waiver.expires, waiver.reason),
            );
            writeln!(
                out,
                "{head}>\n      <skipped message=\"{}\"/>\n    </testcase>",
                escaped(&why)
            )
        }
        _ => writeln!(out, "{head}/>"),
    };
}

/// What was seen and what to do, as text.
fn details(row: &Row) -> String {
    let failed = row.findings.iter().filter(|finding| finding.severity == Severity::Fail);
    let mut text: Vec<String> = failed.map(finding).collect();
    text.push(format!("rerun: {}", row.rerun));
    text.join("\n")
}

fn finding(finding: &Finding) -> String {
    let mut text = format!("{} {}\nseen: {}", finding.subject, finding.cause, finding.witness);
    if !finding.fix.is_empty() {
        let _ = write!(text, "\nfix: {}", finding.fix);
    }
    if let Some(request) = &finding.request {
        let _ = write!(text, "\nrequest: {request}");
    }
    text.trim_start().to_owned()
}

/// Text for XML 1.0, which has no control characters, not even escaped.
fn escaped(text: &str) -> String {
    let text: Vec<String> = text.lines().map(harmless).collect();
    let mut out = String::new();
    for c in text.join("\n").chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
