//! The moments that explain a trial, in words: for whoever cannot or will not read a drawing.

use maud::{Markup, html};
use model::{Observation, Outcome, Seen};

use super::super::text;
use super::window::{Window, span};

/// More moments than this are no explanation.
const MOST: usize = 12;

/// A moment, or several of a kind told at the first of them.
struct Moment {
    at: u64,
    what: String,
    count: usize,
    is_bad: bool,
}

pub(super) fn moments(own: &[&Observation], window: &Window) -> Markup {
    let mut all: Vec<Moment> = Vec::new();
    for observation in own.iter().filter(|one| one.at >= window.from) {
        let Some((what, is_bad)) = told(&observation.seen) else { continue };
        match all.iter_mut().find(|moment| moment.what == what) {
            Some(moment) => moment.count += 1,
            None => all.push(Moment { at: observation.at, what, count: 1, is_bad }),
        }
    }
    // Where there are too many, those that went well are left out first.
    while all.len() > MOST && all.iter().any(|moment| !moment.is_bad) {
        let at = all.iter().rposition(|moment| !moment.is_bad).unwrap_or_default();
        all.remove(at);
    }
    html! {
        @if !all.is_empty() {
            ol.moments {
                @for moment in all.iter().take(MOST) {
                    li class=[moment.is_bad.then_some("bad")] {
                        span.at { (when(moment.at, window)) } " "
                        (text::line(&moment.what))
                        @if moment.count > 1 { ", " (moment.count) " times from here on" }
                    }
                }
            }
        }
    }
}

fn when(at: u64, window: &Window) -> String {
    match at {
        at if at < window.zero => format!("−{}", span(window.zero - at)),
        at => span(at - window.zero),
    }
}

/// What is told of an observation, and whether it went wrong.
fn told(seen: &Seen) -> Option<(String, bool)> {
    let bad = matches!(
        seen,
        Seen::NeverReady { .. }
            | Seen::StillRuns { .. }
            | Seen::NotStarted { .. }
            | Seen::LeftBehind { .. }
    );
    if let Some(what) = of_the_process(seen) {
        return Some((what, bad));
    }
    Some(match seen {
        Seen::FaultSet { dependency, fault } => (format!("{dependency}: {fault}"), false),
        Seen::FaultHealed { dependency } => (format!("{dependency}: healed"), false),
        Seen::Locked { waiting } => (
            format!("tables locked, {} waiting", crate::words::count(*waiting as usize, "session")),
            false,
        ),
        Seen::Unlocked => ("tables unlocked".to_owned(), false),
        Seen::Exchanged { request, outcome, .. } if !went_well(outcome) => {
            (format!("{request}: the service {}", outcome.words()), true)
        }
        Seen::Answer(answer) if !went_well(&answer.outcome) => {
            (format!("{}: the service {}", answer.asked(), answer.outcome.words()), true)
        }
        Seen::Probed { probe, result, .. } if !result.is_accepted() => {
            (format!("probe {probe}: the service {}", result.words()), true)
        }
        _ => return None,
    })
}

fn went_well(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answered { status } if *status < 500)
}

/// What happened to the process, in a few words.
pub(super) fn of_the_process(seen: &Seen) -> Option<String> {
    Some(match seen {
        Seen::Mutated { variable, value } => {
            let value = value.as_deref().map_or("absent".to_owned(), |value| format!("{value:?}"));
            format!("{variable} = {value}")
        }
        Seen::Ready { after } => format!("ready, {} after its start", span(*after)),
        Seen::NeverReady { waited, .. } => format!("given up: not ready after {}", span(*waited)),
        Seen::Signalled { signal, .. } => signal.clone(),
        Seen::StillRuns { waited } => format!("given up: it still runs {} later", span(*waited)),
        Seen::NotStarted { reason } => reason.clone(),
        Seen::LeftBehind { processes } => {
            format!("left behind, still running: {}", processes.join(", "))
        }
        Seen::Exited { code: Some(code), .. } => format!("exited with code {code}"),
        Seen::Exited { signal, .. } => {
            format!("ended by signal {}", signal.unwrap_or_default())
        }
        _ => return None,
    })
}
