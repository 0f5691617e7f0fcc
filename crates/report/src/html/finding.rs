//! Findings: what was seen, in a sentence; then how to mend it, and how to see it again. Those of
//! one cause are told together.

use maud::{Markup, html};
use model::{Finding, Severity};

use super::text;

/// More of one cause are folded.
const FEW: usize = 2;

/// A longer output is folded.
const OPEN: usize = 3;

/// All of them; one cause with one way to mend it stands once, whatever it is about.
pub(super) fn findings(all: &[&Finding]) -> Markup {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for one in all {
        let same = |group: &&mut Vec<&Finding>| {
            let first = group[0];
            (first.severity, &first.cause, &first.fix) == (one.severity, &one.cause, &one.fix)
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(one),
            None => groups.push(vec![one]),
        }
    }
    html! { @for group in &groups { (together(group)) } }
}

/// The first screen has room for so many characters of a witness.
const SHORT: usize = 230;

/// What was seen, as short as the first screen wants it; the whole stands below.
pub(super) fn short(finding: &Finding) -> Markup {
    let mut short = finding.clone();
    if let Some((end, _)) = finding.witness.char_indices().nth(SHORT) {
        let kept = &finding.witness[..end];
        // At the end of a part, where there is one.
        let at = kept.rfind("; ").or_else(|| kept.rfind(' ')).unwrap_or(end);
        short.witness = format!("{} …", &kept[..at]);
    }
    sentence(&short)
}

/// What was seen, about what.
fn sentence(finding: &Finding) -> Markup {
    let says_it = finding.witness.to_lowercase().starts_with(&finding.subject.to_lowercase());
    html! {
        @if !says_it { code { (text::line(&finding.subject)) } " – " }
        (text::line(&finding.witness))
    }
}

fn together(group: &[&Finding]) -> Markup {
    let first = group[0];
    let (class, word) = match first.severity {
        Severity::Fail => ("fail", ""),
        Severity::Warn => ("undecided", "warning · "),
        Severity::Note => ("na", "note · "),
    };
    html! {
        div class={ "finding " (class) } {
            @if let [one] = group {
                p.seen { (sentence(one)) }
            } @else {
                ul { @for one in group.iter().take(FEW) { (item(one)) } }
                @if group.len() > FEW {
                    details {
                        summary { "and " (group.len() - FEW) " more" }
                        ul { @for one in &group[FEW..] { (item(one)) } }
                    }
                }
            }
            p.cause {
                (word) (text::line(&first.cause))
                @if group.len() == 1 { (times(first)) }
            }
            @if !first.fix.is_empty() { p.fix { b { "Fix: " } (text::line(&first.fix)) } }
            (evidence(first, group.len() > 1))
        }
    }
}

fn item(finding: &Finding) -> Markup {
    html! { li.seen { (sentence(finding)) (times(finding)) } }
}

fn times(finding: &Finding) -> Markup {
    let times = finding.seen.filter(|(_, of)| *of > 1);
    html! {
        @if let Some((times, of)) = times {
            small { " · seen in " (times) " of " (of) " tries" }
        }
    }
}

/// The request that shows it, and what the service wrote; folded where it is long or one of many.
fn evidence(finding: &Finding, is_one_of_many: bool) -> Markup {
    html! {
        @if let Some(request) = &finding.request {
            pre { (crate::words::harmless(request)) }
            @if request.contains('‹') {
                p.sub { "‹…› stands for a secret that is not shown: put your own in its place." }
            }
        }
        @if !finding.log.is_empty() {
            details open[finding.log.len() <= OPEN && !is_one_of_many] {
                summary {
                    "what the service wrote"
                    @if is_one_of_many && !finding.subject.is_empty() {
                        ", " (text::line(&finding.subject))
                    }
                }
                pre { (text::lines(&finding.log)) }
            }
        }
    }
}
