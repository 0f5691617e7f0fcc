//! One control's findings, with everything that helps to understand and mend them.

use model::{Finding, Note, Row, Severity, Suggestion, Verdict};

use crate::style::{Styles, paint};
use crate::words::{account, fit, harmless, label, wrap};

/// The width of the column with the names of the parts.
const NAMES: usize = 9;

/// The rest of a longer line of output stands in the page.
const LONGEST_LINE: usize = 240;

pub(super) fn details(row: &Row, styles: &Styles, width: usize) -> String {
    let mut out = format!(
        "{} {} {}\n",
        paint(styles.verdict(row.verdict), label(row.verdict)),
        paint(styles.strong, &row.id),
        paint(styles.faint, &format!("· {}", row.risk.word())),
    );
    if row.verdict != Verdict::Fail {
        part(&mut out, 2, "why", &row.summary, width);
    }
    for finding in &row.findings {
        out.push_str(&one(finding, styles, width));
    }
    if !row.account.is_empty() {
        part(&mut out, 2, "tried", &account(&row.account), width);
    }
    if row.verdict == Verdict::Inconclusive && row.findings.is_empty() {
        // Nothing was seen: what to declare is all that helps.
        return out;
    }
    if let Some(supply) = &row.supply {
        part(&mut out, 2, "supply", &format!("seaworthy run {supply}"), width);
    }
    part(&mut out, 2, "rerun", &row.rerun, usize::MAX);
    part(&mut out, 2, "explain", &format!("seaworthy explain {}", row.id), usize::MAX);
    out
}

/// Controls that are undecided for the same reason.
pub(super) fn undecided(ids: &[&str], why: &str, styles: &Styles, width: usize) -> String {
    let word = label(Verdict::Inconclusive);
    let mut lead = paint(styles.verdict(Verdict::Inconclusive), word);
    let mut out = String::new();
    for line in wrap(&ids.join(", "), width.saturating_sub(word.len() + 1)) {
        out.push_str(&format!("{lead} {}\n", paint(styles.strong, &line)));
        lead = " ".repeat(word.len());
    }
    part(&mut out, 2, "why", why, width);
    out
}

/// What happened beside the experiments, before everything else.
pub(super) fn note(note: &Note, styles: &Styles, width: usize) -> String {
    let mut out = String::from("\n");
    let mark = paint(styles.severity(Severity::Warn), "note");
    for (at, line) in wrap(&harmless_lines(&note.text), width.saturating_sub(6)).iter().enumerate()
    {
        let lead = if at == 0 { mark.clone() } else { "    ".to_owned() };
        out.push_str(&format!("{lead}  {line}\n"));
    }
    if !note.advice.is_empty() {
        part(&mut out, 2, "fix", &note.advice, width);
    }
    log(&mut out, &note.log, styles);
    out
}

/// The controls that the same lines of the manifest would decide, together; then the others, each
/// with its own reason.
pub(super) fn open(
    rows: &[&Row],
    suggestions: &[Suggestion],
    styles: &Styles,
    width: usize,
) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut out = format!("\n{}\n", paint(styles.strong, "undecided, and what would decide it"));
    let mut left: Vec<&Row> = rows.to_vec();
    for suggestion in suggestions.iter().filter(|one| one.controls.len() > 1) {
        let is_of = |row: &&Row| suggestion.controls.contains(&row.id);
        let (of, others): (Vec<&Row>, Vec<&Row>) = left.into_iter().partition(|row| is_of(row));
        left = others;
        if of.is_empty() {
            continue;
        }
        let ids: Vec<_> = of.iter().map(|row| row.id.as_str()).collect();
        let ids = paint(styles.verdict(Verdict::Inconclusive), &ids.join(", "));
        out.push_str(&format!("  {ids}\n"));
        for text in wrap(&suggestion.what, width.saturating_sub(4)) {
            out.push_str(&format!("    {text}\n"));
        }
        for line in &suggestion.lines {
            out.push_str(&format!("      {}\n", paint(styles.strong, line)));
        }
    }
    for row in left {
        let id = paint(styles.verdict(Verdict::Inconclusive), &row.id);
        out.push_str(&format!("  {id}\n"));
        for text in wrap(&harmless(&row.summary), width.saturating_sub(4)) {
            out.push_str(&format!("    {text}\n"));
        }
    }
    out
}

fn one(finding: &Finding, styles: &Styles, width: usize) -> String {
    let subject = match finding.subject.as_str() {
        "" => String::new(),
        subject => format!("{subject} · "),
    };
    let times = match finding.seen {
        Some((times, of)) if of > 1 => format!(" · {times} of {of}"),
        _ => String::new(),
    };
    let severity = match finding.severity {
        Severity::Fail => "",
        Severity::Warn => "warning · ",
        Severity::Note => "note · ",
    };
    let title = format!("{severity}{subject}{}{times}", finding.cause);
    let mut out = format!("  {}\n", paint(styles.severity(finding.severity), &title));
    part(&mut out, 4, "seen", &finding.witness, width);
    if !finding.fix.is_empty() {
        part(&mut out, 4, "fix", &finding.fix, width);
    }
    if let Some(request) = &finding.request {
        part(&mut out, 4, "request", request, usize::MAX);
        if request.contains('‹') {
            let text = "‹…› stands for a value that is not shown: log in anew and put yours there";
            part(&mut out, 4, "", text, width);
        }
    }
    log(&mut out, &finding.log, styles);
    out
}

fn log(out: &mut String, lines: &[String], styles: &Styles) {
    for (at, line) in lines.iter().enumerate() {
        let name = if at == 0 { "output" } else { "" };
        let text = paint(styles.faint, &fit(&harmless(line), LONGEST_LINE));
        out.push_str(&format!("    {name:NAMES$}{text}\n"));
    }
}

fn part(out: &mut String, indent: usize, name: &str, text: &str, width: usize) {
    let names = NAMES + 4 - indent;
    let room = width.saturating_sub(indent + names).max(40);
    for (at, line) in wrap(&harmless_lines(text), room).iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        out.push_str(&format!("{:indent$}{name:names$}{line}\n", ""));
    }
}

fn harmless_lines(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}
