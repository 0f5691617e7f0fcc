//! Workflow commands of GitHub Actions: an annotation for each failure, a group for the rest.

use model::{Row, Scorecard, Severity, Verdict};

use crate::place::Place;
use crate::words::harmless;

/// The commands, as a step prints them.
pub fn annotations(card: &Scorecard, place: &Place) -> String {
    let mut out = String::new();
    for row in &card.controls {
        let excused = row.waived.as_ref().is_some_and(|waiver| !waiver.expired);
        for finding in &row.findings {
            let command = match finding.severity {
                Severity::Fail if row.verdict == Verdict::Fail && !excused => "error",
                Severity::Fail | Severity::Warn => "warning",
                Severity::Note => continue,
            };
            out.push_str(&annotation(command, row, finding, place));
        }
    }
    out
}

fn annotation(command: &str, row: &Row, finding: &model::Finding, place: &Place) -> String {
    let about = match finding.subject.as_str() {
        "" => String::new(),
        subject => format!(" · {subject}"),
    };
    let title = property(&format!("{}{about} · {}", row.id, finding.cause));
    let fix = match finding.fix.as_str() {
        "" => String::new(),
        fix => format!("\nfix: {fix}"),
    };
    let text = data(&format!("{}{fix}\nrerun: {}", finding.witness, row.rerun));
    let (file, line) = (property(&place.file), place.line(row, &finding.subject));
    format!("::{command} file={file},line={line},title={title}::{text}\n")
}

fn data(text: &str) -> String {
    let text: Vec<String> = text.lines().map(harmless).collect();
    text.join("\n").replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
