//! An audit for people.

use std::collections::BTreeMap;

use model::catalogue::{self, Family};
use report::Styles;
use report::style::paint;
use report::words::{count, harmless, wrap};

use super::Audit;
use super::claim::{Judged, Status};

/// What each part of the text is about, in the order of what to read first.
const PARTS: [(Status, &str); 8] = [
    (Status::Disproved, "disproved"),
    (Status::Undecided, "tried, and undecided"),
    (Status::Untried, "nobody tried it yet"),
    (Status::Proven, "proven"),
    (Status::NotApplicable, "does not apply"),
    (Status::NotBuilt, "this version cannot try it yet"),
    (Status::Outside, "outside what can be tried"),
    (Status::Unknown, "no control is known for it"),
];

pub(super) fn text(audit: &Audit, styles: &Styles, width: usize) -> String {
    let width = width.clamp(60, 120);
    let mut out = format!("\n{}\n", paint(styles.heading, &audit.document));
    if audit.claims.is_empty() {
        out.push_str(
            "\nno claim was found in it: nothing is ticked, and no line speaks of a control\n",
        );
        return out;
    }
    for (status, title) in PARTS {
        let of: Vec<&Judged> = audit.claims.iter().filter(|c| c.status == status).collect();
        if of.is_empty() {
            continue;
        }
        let title = format!("{title} · {}", count(of.len(), "claim"));
        out.push_str(&format!("\n  {}\n", paint(styles.strong, &title)));
        for claim in of {
            out.push_str(&line(claim, styles, width));
        }
    }
    out.push_str(&by_family(&audit.claims, styles));
    out.push_str(&totals(audit, styles));
    out
}

fn line(claim: &Judged, styles: &Styles, width: usize) -> String {
    let (said, style) = match (claim.claimed, claim.status) {
        (true, Status::Disproved) => ("claimed", styles.fail),
        (true, Status::Proven) => ("claimed", styles.pass),
        (true, _) => ("claimed", styles.strong),
        (false, _) => ("open", styles.faint),
    };
    let number = format!("line {}", claim.line);
    let said = paint(style, &format!("{said:<8}"));
    let control = claim.control.unwrap_or("–");
    let lead = 4 + 10 + 8 + 21;
    let mut lines = wrap(&harmless(&claim.text), width.saturating_sub(lead).max(30)).into_iter();
    let first = lines.next().unwrap_or_default();
    let more = if lines.next().is_some() { "…" } else { "" };
    let mut out = format!("    {number:<10}{said}{control:<20} {first}{more}\n");
    if !claim.thresholds.is_empty() {
        let targets = format!("its target: {}", claim.thresholds.join(", "));
        out.push_str(&format!("{:lead$}{}\n", "", paint(styles.faint, &targets)));
    }
    if matches!(claim.status, Status::Disproved | Status::Undecided) {
        let run = claim.run.as_ref().map(|run| format!(" (run {run})")).unwrap_or_default();
        let because = format!("{}{run}", harmless(&claim.because));
        for text in wrap(&because, width.saturating_sub(lead).max(30)).into_iter().take(3) {
            out.push_str(&format!("{:lead$}{}\n", "", paint(styles.faint, &text)));
        }
    }
    out
}

/// Said to hold, and proven, by family.
fn by_family(claims: &[Judged], styles: &Styles) -> String {
    let mut all: BTreeMap<Family, [usize; 4]> = BTreeMap::new();
    for claim in claims {
        let entry = claim.control.and_then(catalogue::find);
        let Some(entry) = entry else { continue };
        let figures = all.entry(entry.family).or_default();
        figures[0] += 1;
        figures[1] += usize::from(claim.claimed);
        figures[2] += usize::from(claim.status == Status::Proven);
        figures[3] += usize::from(claim.status == Status::Disproved);
    }
    let head = format!(
        "{:<16}{:>8}{:>14}{:>9}{:>11}",
        "", "claims", "said to hold", "proven", "disproved"
    );
    let mut out = format!("\n  {}\n", paint(styles.faint, &head));
    for (family, [all, claimed, proven, disproved]) in all {
        let family = family.word();
        out.push_str(&format!("  {family:<16}{all:>8}{claimed:>14}{proven:>9}{disproved:>11}\n"));
    }
    out
}

fn totals(audit: &Audit, styles: &Styles) -> String {
    let own = match audit.claimed_percent {
        Some(percent) => format!("it says that it is {percent} % ready; "),
        None => String::new(),
    };
    let claimed = audit.claims.iter().filter(|claim| claim.claimed).count();
    let all = count(audit.claims.len(), "claim");
    let text = format!(
        "{own}of {all}, {claimed} of them said to hold, {} proven and {} disproved; this version can \
         try {}",
        be(audit.proven),
        be(audit.disproved),
        audit.testable
    );
    let mut out = format!("\n{}\n", paint(styles.strong, &text));
    let mut untried: Vec<&str> = Vec::new();
    for claim in audit.claims.iter().filter(|claim| claim.status == Status::Untried) {
        let id = claim.control.unwrap_or_default();
        if !untried.contains(&id) {
            untried.push(id);
        }
    }
    if !untried.is_empty() {
        out.push_str(&format!("next: seaworthy prove --only {}\n", untried.join(",")));
    }
    out
}

fn be(count: usize) -> String {
    format!("{count} {}", if count == 1 { "is" } else { "are" })
}
