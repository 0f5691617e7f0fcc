//! What holds, and what does not apply: short, with what was tried.

use maud::{Markup, html};
use model::{Row, Scorecard, Severity, Verdict};

use super::{Evidence, seen, text, timeline};
use crate::words::account;

pub(super) fn held(card: &Scorecard, evidence: &Evidence) -> Markup {
    let with = |verdict| {
        let of = move |row: &&Row| row.verdict == verdict;
        card.controls.iter().filter(of).collect::<Vec<_>>()
    };
    let (mut kept, na) = (with(Verdict::Pass), with(Verdict::NotApplicable));
    kept.sort_by_key(|row| (warnings(row).next().is_none(), row.risk));
    html! {
        @if !kept.is_empty() {
            h2 id="kept" { "Kept" }
            section.pass { dl.rows { @for row in &kept { (one(row, evidence)) } } }
        }
        @if !na.is_empty() {
            h2 id="not-applicable" { "Not applicable" }
            section.na {
                dl.rows {
                    @for row in &na {
                        dt id=(row.id) { (row.id) }
                        dd { p { (text::line(&row.summary)) } (super::broken::edge(row)) }
                    }
                }
            }
        }
    }
}

fn warnings(row: &Row) -> impl Iterator<Item = &model::Finding> {
    row.findings.iter().filter(|finding| finding.severity == Severity::Warn)
}

fn one(row: &Row, evidence: &Evidence) -> Markup {
    let account = account(&row.account);
    let notes: Vec<_> =
        row.findings.iter().filter(|finding| finding.severity == Severity::Note).collect();
    html! {
        dt id=(row.id) { (row.id) " " small { (row.risk.word()) } }
        dd {
            p { (text::line(&row.summary)) }
            @if !account.is_empty() { p.sub { "tried: " (text::line(&account)) } }
            (super::broken::edge(row))
            (super::finding::findings(&warnings(row).collect::<Vec<_>>()))
            @if !notes.is_empty() {
                details {
                    summary { (crate::words::count(notes.len(), "note")) }
                    (super::finding::findings(&notes))
                }
            }
            (timeline::folded(row, seen(evidence, row)))
        }
    }
}
