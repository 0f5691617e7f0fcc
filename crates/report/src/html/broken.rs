//! What is broken, by risk, with everything that helps to understand and mend it.

use maud::{Markup, html};
use model::{Finding, Row, Scorecard, Severity, Verdict};

use super::{Evidence, seen, tag, text, timeline};
use crate::words::account;

pub(super) fn broken(card: &Scorecard, evidence: &Evidence) -> Markup {
    let is_broken = |row: &&Row| matches!(row.verdict, Verdict::Fail | Verdict::Error);
    let mut rows: Vec<_> = card.controls.iter().filter(is_broken).collect();
    rows.sort_by_key(|row| (super::super::readiness::is_waived(row), row.risk));
    html! {
        @if !rows.is_empty() {
            h2 id="broken" { "Broken" }
            @for row in rows {
                section id=(row.id) class="fail" {
                    h3 { (tag(row.verdict)) (row.id) " " small { (row.risk.word()) } }
                    p.promise { "Promised: " (text::line(&row.promise)) "." }
                    (waiver(row))
                    @if row.findings.is_empty() { p { (text::line(&row.summary)) } }
                    (super::finding::findings(&of(row, |severity| severity != Severity::Note)))
                    (timeline::timeline(row, seen(evidence, row)))
                    (super::finding::findings(&of(row, |severity| severity == Severity::Note)))
                    (edge(row))
                    (again(row))
                }
            }
        }
    }
}

/// The findings of some severities, the heavier first.
fn of(row: &Row, wanted: fn(Severity) -> bool) -> Vec<&Finding> {
    let mut findings: Vec<_> =
        row.findings.iter().filter(|finding| wanted(finding.severity)).collect();
    findings.sort_by_key(|finding| finding.severity);
    findings
}

fn waiver(row: &Row) -> Markup {
    html! {
        @if let Some(waiver) = &row.waived {
            p.waiver {
                @if waiver.expired { "Waiver expired " } @else { "Waived until " }
                (text::line(&waiver.expires)) " by " (text::line(&waiver.owner)) ": "
                (text::line(&waiver.reason))
            }
        }
    }
}

/// What the service was alone, where the edge stood before it, and what the edge could do.
pub(super) fn edge(row: &Row) -> Markup {
    html! {
        @if let Some(alone) = row.without_edge {
            p { "The service alone: " (tag(alone)) }
        }
        @if let Some(supply) = &row.supply {
            p { b { "Without a change of the service: " } code { "seaworthy run" } " in front of it " (text::line(supply)) }
        }
    }
}

/// What was tried, and how to try it again.
fn again(row: &Row) -> Markup {
    let account = account(&row.account);
    html! {
        @if !account.is_empty() { p.sub { "What was tried, and how much of it told something: " (text::line(&account)) } }
        p.sub {
            "Try it again: " code { (text::line(&row.rerun)) } " · what it means: "
            code { "seaworthy explain " (row.id) }
        }
    }
}
