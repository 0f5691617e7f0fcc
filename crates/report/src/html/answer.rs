//! The first screen: may it go out, and what first.

use maud::{Markup, html};
use model::{Finding, Row, Scorecard, Severity, Verdict};

use super::{class, text};
use crate::readiness::{self, May};
use crate::words::through_the_edge;

/// So many failures are told at once; the others follow below.
const FIRST: usize = 3;

pub(super) fn answer(card: &Scorecard) -> Markup {
    let answer = readiness::readiness(card);
    let tone = match answer.may {
        May::No => "fail",
        May::Unknown => "undecided",
        May::Yes => "pass",
    };
    html! {
        header {
            p.service { (text::line(&card.service)) " " small { (bound_to(card)) } }
            h1 class=(tone) { (answer.headline) }
            @for limit in &answer.limits { p.limit { (limit) } }
            (bar(card))
            @for note in &card.notes {
                div.note {
                    p { (text::line(&note.text)) }
                    @if !note.advice.is_empty() { p { b { "Fix: " } (text::line(&note.advice)) } }
                    @if !note.log.is_empty() { pre { (text::lines(&note.log)) } }
                }
            }
            (first(card))
            @if let Some(words) = through_the_edge(card).filter(|_| card.controls.len() > 1) {
                p.sub { (text::line(&words)) }
            }
        }
    }
}

/// The commit and the day, in a few words; the whole of it stands at the end.
fn bound_to(card: &Scorecard) -> String {
    let commit: String = card.evidence.commit.chars().take(10).collect();
    let commit = if commit.is_empty() { String::new() } else { format!("commit {commit} · ") };
    let day: String = card.evidence.date.chars().take(16).collect();
    format!("{commit}{}", day.replace('T', " "))
}

/// How many came to what, as one bar with its numbers, and the score.
fn bar(card: &Scorecard) -> Markup {
    let with = |verdict| card.controls.iter().filter(|row| row.verdict == verdict).count();
    let parts: Vec<(Verdict, usize, &str)> = [
        (Verdict::Fail, "broken"),
        (Verdict::Error, "in error"),
        (Verdict::Inconclusive, "not decided"),
        (Verdict::Pass, "kept"),
        (Verdict::NotApplicable, "not applicable"),
    ]
    .into_iter()
    .map(|(verdict, word)| (verdict, with(verdict), word))
    .filter(|(_, count, _)| *count > 0)
    .collect();
    let (built, all) = card.catalogue;
    html! {
        div.bar aria-hidden="true" {
            @for (verdict, count, _) in &parts {
                i class=(class(*verdict)) style={ "flex-grow:" (count) } {}
            }
        }
        p.counts {
            @for (verdict, count, word) in &parts {
                a class=(class(*verdict)) href={ "#" (place(*verdict)) } { b { (count) } " " (word) }
                " "
            }
        }
        p.sub {
            @if let Some(score) = card.score { "Score " b { (format!("{score:.1}")) } " of 100 · " }
            (card.coverage.decided) " of " (card.coverage.applicable)
            " applicable controls decided"
            @if card.score.is_some() {
                " · this version can try " (built) " of the " (all) " controls in its catalogue"
            }
        }
    }
}

/// Where the controls of a verdict stand in the page.
fn place(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fail | Verdict::Error => "broken",
        Verdict::Inconclusive => "undecided",
        Verdict::Pass => "kept",
        Verdict::NotApplicable => "not-applicable",
    }
}

/// What to mend first; where nothing is broken, nothing.
fn first(card: &Scorecard) -> Markup {
    let broken = readiness::broken(card);
    html! {
        // A single one stands right below.
        @if broken.len() > 1 {
            h2 { "What first" }
            ol.first {
                @for row in broken.iter().take(FIRST) { (one(row)) }
            }
            @if broken.len() > FIRST {
                p.sub { "and " (broken.len() - FIRST) " more below, by risk" }
            }
        }
    }
}

fn one(row: &Row) -> Markup {
    let worst: Option<&Finding> =
        row.findings.iter().find(|finding| finding.severity == Severity::Fail);
    html! {
        li {
            a href={ "#" (row.id) } { b { (row.id) } } " " span.risk { (row.risk.word()) }
            @if let Some(finding) = worst {
                p { (super::finding::short(finding)) }
                @if !finding.fix.is_empty() { p { b { "Fix: " } (text::line(&finding.fix)) } }
            } @else {
                p { (text::line(&row.summary)) }
            }
            @if let Some(supply) = &row.supply {
                p { b { "Or without a change: " } code { "seaworthy run" } " in front of it " (text::line(supply)) }
            }
        }
    }
}
