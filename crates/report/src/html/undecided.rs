//! What is not decided, grouped by the one thing that would decide it.

use std::collections::BTreeMap;

use maud::{Markup, html};
use model::{Row, Scorecard, Suggestion, Verdict};

use super::text;

pub(super) fn undecided(card: &Scorecard) -> Markup {
    let rows: Vec<_> =
        card.controls.iter().filter(|row| row.verdict == Verdict::Inconclusive).collect();
    let (by_lines, left) = by_suggestion(&rows, &card.suggestions);
    let (shared, alone) = by_reason(&left);
    html! {
        @if !rows.is_empty() {
            h2 id="undecided" { "Not decided, and what would decide it" }
            @for (suggestion, of) in &by_lines {
                section.undecided {
                    h3 { (names(of)) }
                    p { (text::line(&suggestion.what)) }
                    pre { (text::lines(&suggestion.lines)) }
                    @if let [row] = of.as_slice() {
                        p.sub { (text::line(&row.summary)) }
                    } @else {
                        details {
                            summary { "why each is open" }
                            dl {
                                @for row in of { dt { (row.id) } dd { (text::line(&row.summary)) } }
                            }
                        }
                    }
                    (warnings(of))
                }
            }
            @for (why, of) in &shared {
                section.undecided {
                    h3 { (names(of)) }
                    p { (text::line(why)) }
                    (warnings(of))
                }
            }
            @if !alone.is_empty() {
                section.undecided {
                    dl.rows {
                        @for row in &alone {
                            dt id=(row.id) { (row.id) " " small { (row.risk.word()) } }
                            dd {
                                p { (text::line(&row.summary)) }
                                (warnings(std::slice::from_ref(row)))
                                p.sub { code { (text::line(&row.rerun)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

type Decided<'a> = Vec<(&'a Suggestion, Vec<&'a Row>)>;

/// The controls that the same lines of the manifest would decide, and the others.
fn by_suggestion<'a>(
    rows: &[&'a Row],
    suggestions: &'a [Suggestion],
) -> (Decided<'a>, Vec<&'a Row>) {
    let mut left: Vec<&Row> = rows.to_vec();
    let mut decided = Vec::new();
    for suggestion in suggestions {
        let is_of = |row: &&Row| suggestion.controls.contains(&row.id);
        let (of, others): (Vec<&Row>, Vec<&Row>) = left.into_iter().partition(|row| is_of(row));
        left = others;
        if !of.is_empty() {
            decided.push((suggestion, of));
        }
    }
    (decided, left)
}

type Shared<'a> = Vec<(&'a str, Vec<&'a Row>)>;

/// The reasons that several share, and the controls with a reason of their own.
fn by_reason<'a>(rows: &[&'a Row]) -> (Shared<'a>, Vec<&'a Row>) {
    let mut reasons: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        reasons.entry(&row.summary).or_default().push(row);
    }
    let (shared, alone): (Vec<_>, Vec<_>) = reasons.into_iter().partition(|(_, of)| of.len() > 1);
    let mut alone: Vec<_> = alone.into_iter().flat_map(|(_, of)| of).collect();
    alone.sort_by_key(|row| row.risk);
    (shared, alone)
}

fn names(rows: &[&Row]) -> Markup {
    html! {
        @for (at, row) in rows.iter().enumerate() {
            @if at > 0 { ", " }
            span id=(row.id) { (row.id) }
        }
    }
}

/// What was found although it is not decided.
fn warnings(rows: &[&Row]) -> Markup {
    html! {
        @for row in rows {
            (super::finding::findings(&row.findings.iter().collect::<Vec<_>>()))
        }
    }
}
