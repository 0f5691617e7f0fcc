//! A comment for a pull request: the verdict, what changed, failures with their fixes.

use std::fmt::Write;

use model::{Finding, Row, Scorecard, Severity, Verdict};

use crate::words::{count, harmless};

/// GitHub takes comments of 65,536 characters.
const LONGEST: usize = 60_000;

/// The text. `base` is the scorecard to compare with, where there is one.
pub fn markdown(card: &Scorecard, base: Option<&Scorecard>) -> String {
    let with = |verdict| card.controls.iter().filter(|row| row.verdict == verdict).count();
    let failed: Vec<&Row> = sorted(card, |row| row.verdict == Verdict::Fail);
    let open: Vec<&&Row> = failed.iter().filter(|row| !excused(row)).collect();
    let mut out = format!("### {} · {}\n\n", plain(&card.service), headline(open.len(), card));
    let score =
        card.score.map(|score| format!("score **{score:.1}** of 100 · ")).unwrap_or_default();
    let _ = writeln!(
        out,
        "{score}{} passed, {} failed, {} inconclusive, {} not applicable · {} of {} decided\n",
        with(Verdict::Pass),
        with(Verdict::Fail),
        with(Verdict::Inconclusive),
        with(Verdict::NotApplicable),
        card.coverage.decided,
        card.coverage.applicable
    );
    if let Some(base) = base {
        changes(&mut out, card, base);
    }
    for row in &failed {
        failure(&mut out, row);
    }
    let undecided = sorted(card, |row| row.verdict == Verdict::Inconclusive);
    if !undecided.is_empty() {
        let title = count(undecided.len(), "control");
        let _ = writeln!(out, "<details><summary>{title} undecided</summary>\n");
        for row in undecided {
            let _ = writeln!(out, "- `{}`: {}", row.id, plain(&row.summary));
        }
        out.push_str("\n</details>\n\n");
    }
    let commit: String = card.evidence.commit.chars().take(12).collect();
    let _ = writeln!(
        out,
        "<sub>run {} · commit {commit} · seaworthy {}</sub>",
        card.evidence.run, card.evidence.seaworthy
    );
    cut(out)
}

fn headline(open: usize, card: &Scorecard) -> String {
    match open {
        _ if card.partial => "interrupted".to_owned(),
        0 if card.coverage.decided == 0 => "nothing was decided".to_owned(),
        0 => "✅ nothing failed".to_owned(),
        open => format!("❌ {}", count(open, "control").replace("control", "failed control")),
    }
}

fn excused(row: &Row) -> bool {
    row.waived.as_ref().is_some_and(|waiver| !waiver.expired)
}

fn sorted(card: &Scorecard, wanted: impl Fn(&Row) -> bool) -> Vec<&Row> {
    let mut rows: Vec<&Row> = card.controls.iter().filter(|row| wanted(row)).collect();
    rows.sort_by_key(|row| row.risk);
    rows
}

/// What the base had otherwise.
fn changes(out: &mut String, card: &Scorecard, base: &Scorecard) {
    let before = |id: &str| base.controls.iter().find(|row| row.id == id).map(|row| row.verdict);
    let mut lines = Vec::new();
    for row in &card.controls {
        let Some(before) = before(&row.id).filter(|before| *before != row.verdict) else {
            continue;
        };
        let mark = match (before, row.verdict) {
            (Verdict::Pass, Verdict::Fail) => "🔻 broken",
            (Verdict::Fail, Verdict::Pass) => "🟢 mended",
            _ => "▫️ changed",
        };
        lines.push(format!("- {mark}: `{}` {} → {}", row.id, before.word(), row.verdict.word()));
    }
    lines.sort();
    if lines.is_empty() {
        lines.push("No verdict changed.".to_owned());
    }
    let _ = writeln!(out, "{}\n", lines.join("\n"));
}

fn failure(out: &mut String, row: &Row) {
    let waived = row.waived.as_ref().map_or_else(String::new, |waiver| {
        let word = if waiver.expired { "waiver expired" } else { "waived until" };
        format!(" ({word} {}: {})", waiver.expires, plain(&waiver.reason))
    });
    let _ = writeln!(out, "#### `{}` · {}{waived}\n", row.id, row.risk.word());
    for finding in row.findings.iter().filter(|finding| finding.severity == Severity::Fail) {
        one(out, finding);
    }
    let _ = writeln!(out, "Rerun: `{}`\n", row.rerun.replace('`', "'"));
}

fn one(out: &mut String, finding: &Finding) {
    let about = match finding.subject.as_str() {
        "" => String::new(),
        subject => format!("{}: ", plain(subject)),
    };
    let _ = writeln!(out, "- **{about}{}** – {}", plain(&finding.cause), plain(&finding.witness));
    if !finding.fix.is_empty() {
        let _ = writeln!(out, "  *Fix:* {}", plain(&finding.fix));
    }
    out.push('\n');
}

/// One line that Markdown leaves as it is.
fn plain(text: &str) -> String {
    let text: Vec<String> = text.lines().map(harmless).collect();
    let mut out = String::new();
    for c in text.join(" ").chars() {
        if matches!(c, '<' | '>' | '*' | '_' | '`' | '[' | ']' | '|' | '\\' | '#' | '@') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn cut(text: String) -> String {
    if text.chars().count() <= LONGEST {
        return text;
    }
    let kept: String = text.chars().take(LONGEST).collect();
    format!("{kept}\n\n… the rest stands in the scorecard\n")
}
