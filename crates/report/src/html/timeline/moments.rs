//! The moments that explain a trial, in words: for whoever cannot or will not read a drawing.

use maud::{Markup, html};
use model::{Observation, Outcome, Seen};

use super::super::text;
use super::lanes::{self, Class};
use super::window::{Window, span};

/// More moments than this are no explanation.
const MOST: usize = 12;

/// A moment, or several of a kind told at the first of them.
struct Moment {
    at: u64,
    what: String,
    count: usize,
    class: Option<Class>,
}

pub(super) fn moments(own: &[&Observation], window: &Window) -> Markup {
    let mut all: Vec<Moment> = Vec::new();
    for observation in own.iter().filter(|one| one.at >= window.from) {
        let Some((what, class)) = told(&observation.seen) else { continue };
        match all.iter_mut().find(|moment| moment.what == what) {
            Some(moment) => moment.count += 1,
            None => all.push(Moment { at: observation.at, what, count: 1, class }),
        }
    }
    // Where there are too many, those that went well are left out first.
    while all.len() > MOST && all.iter().any(|moment| moment.class.is_none()) {
        let at = all.iter().rposition(|moment| moment.class.is_none()).unwrap_or_default();
        all.remove(at);
    }
    html! {
        @if !all.is_empty() {
            ol.moments {
                @for moment in all.iter().take(MOST) {
                    li class=[moment.class.map(Class::name)] {
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

/// What is told of an observation, and the colour of what did not go well.
fn told(seen: &Seen) -> Option<(String, Option<Class>)> {
    if let Some(what) = of_the_process(seen) {
        let bad = matches!(
            seen,
            Seen::NeverReady { .. }
                | Seen::StillRuns { .. }
                | Seen::NotStarted { .. }
                | Seen::LeftBehind { .. }
        );
        return Some((what, bad.then_some(Class::Bad)));
    }
    let ended = |who: String, request: &str, outcome: &Outcome| {
        let class = lanes::class(outcome);
        let went_well = class == Class::Ok;
        let what = format!("{who}: {request}: the service {}", outcome.words());
        (!went_well).then_some((what, Some(class)))
    };
    match seen {
        Seen::FaultSet { dependency, fault } => Some((format!("{dependency}: {fault}"), None)),
        Seen::FaultHealed { dependency } => Some((format!("{dependency}: healed"), None)),
        Seen::Locked { waiting } => {
            let waiting = crate::words::count(*waiting as usize, "session");
            Some((format!("tables locked, {waiting} waiting"), None))
        }
        Seen::Unlocked => Some(("tables unlocked".to_owned(), None)),
        Seen::Exchanged { client, request, outcome, .. } => {
            ended(lanes::called(client), request, outcome)
        }
        Seen::Answer(answer) => ended("requests".to_owned(), &answer.asked(), &answer.outcome),
        Seen::Probed { probe, result, .. } if !result.is_accepted() => {
            Some((format!("probe {probe}: the service {}", result.words()), Some(Class::Bad)))
        }
        _ => None,
    }
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
