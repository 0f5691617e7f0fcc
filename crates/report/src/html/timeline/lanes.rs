//! From observations to lanes of marks, in the order in which a reader asks: what happened to the
//! process, what was broken on purpose, who asked and what they got, what it said.

use std::collections::BTreeMap;

use model::{Observation, Outcome, Seen};

use super::window::span;

/// What a mark means, which is its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// The process lives.
    Life,
    /// Broken on purpose.
    Fault,
    /// Answered, accepted.
    Ok,
    /// Refused, or an error of the service.
    Soft,
    /// Dropped, cut, late, not accepted.
    Bad,
    /// Until the end that was bad, nothing was wrong yet.
    Wait,
    /// A line of output.
    Log,
    /// What was done to it.
    Done,
}

impl Class {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Life => "life",
            Self::Fault => "fault",
            Self::Ok => "ok",
            Self::Soft => "soft",
            Self::Bad => "bad",
            Self::Wait => "wait",
            Self::Log => "log",
            Self::Done => "done",
        }
    }
}

/// Something that happened from one moment to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) from: u64,
    /// Later than `from` for a bar.
    pub(super) to: u64,
    pub(super) class: Class,
    /// Said when the pointer rests on it; for what deserves a word only.
    pub(super) title: String,
}

/// One line of the drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) name: String,
    /// Bars that overlap are drawn above each other.
    pub(super) is_packed: bool,
    pub(super) marks: Vec<Mark>,
}

pub(super) fn of(own: &[&Observation]) -> Vec<Lane> {
    let end = own.last().map_or(0, |observation| observation.at);
    let mut lanes =
        vec![Lane { name: "process".into(), is_packed: false, marks: process(own, end) }];
    lanes.extend(faults(own, end));
    let mut clients = clients(own);
    // What went wrong stands next to what was done.
    clients.sort_by_key(|lane| {
        let has_bad = lane.marks.iter().any(|mark| mark.class == Class::Bad);
        (!has_bad, lane.name != called("slow"))
    });
    lanes.extend(clients);
    let output = own.iter().filter(|observation| matches!(observation.seen, Seen::Output { .. }));
    let output = output.map(|observation| point(observation.at, Class::Log, String::new()));
    lanes.push(Lane { name: "log lines".into(), is_packed: false, marks: output.collect() });
    lanes.retain(|lane| !lane.marks.is_empty());
    lanes
}

fn point(at: u64, class: Class, title: String) -> Mark {
    Mark { from: at, to: at, class, title }
}

/// How a client is called by people.
pub(super) fn called(client: &str) -> String {
    match client {
        "slow" => "in flight",
        "busy" => "busy clients",
        "new" => "new clients",
        "control" => "without a fault",
        "during" => "while broken",
        "after" => "after it healed",
        other => other,
    }
    .to_owned()
}

/// The requests of each client and the probes, each in its lane.
fn clients(own: &[&Observation]) -> Vec<Lane> {
    let mut lanes: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
    let mut asked = |name: String, at: u64, took: u64, outcome: &Outcome, request: &str| {
        let class = class(outcome);
        let title = match class {
            Class::Bad => format!("{request}: {} after {}", outcome.words(), span(took)),
            _ => String::new(),
        };
        let mark = Mark { from: at.saturating_sub(took), to: at, class, title };
        lanes.entry(name).or_default().push(mark);
    };
    for observation in own {
        let at = observation.at;
        match &observation.seen {
            Seen::Answer(answer) => {
                let request = answer.asked();
                asked("requests".into(), at, answer.took_us, &answer.outcome, &request);
            }
            Seen::Exchanged { client, request, outcome, took_us, .. } => {
                asked(called(client), at, *took_us, outcome, request);
            }
            _ => {}
        }
    }
    for observation in own {
        if let Seen::Probed { probe, result, took_us } = &observation.seen {
            let (at, accepted) = (observation.at, result.is_accepted());
            let class = if accepted { Class::Ok } else { Class::Bad };
            let title = if accepted { String::new() } else { format!("it {}", result.words()) };
            let mark = Mark { from: at, to: at + took_us, class, title };
            lanes.entry(format!("probe {probe}")).or_default().push(mark);
        }
    }
    let lane = |(name, marks)| Lane { name, is_packed: true, marks };
    lanes.into_iter().map(lane).collect()
}

pub(super) fn class(outcome: &Outcome) -> Class {
    match outcome {
        Outcome::Answered { status } if *status < 500 => Class::Ok,
        Outcome::Answered { .. } | Outcome::Refused | Outcome::NotConnected => Class::Soft,
        _ => Class::Bad,
    }
}

/// Its life as a bar, and what was done to it.
fn process(own: &[&Observation], end: u64) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut points = Vec::new();
    let mut started = None;
    for observation in own {
        let at = observation.at;
        let title = super::moments::of_the_process(&observation.seen);
        match &observation.seen {
            Seen::Started { pid, .. } => started = Some((at, *pid)),
            Seen::Exited { .. } => {
                if let Some((from, pid)) = started.take() {
                    let title = format!("process {pid}");
                    marks.push(Mark { from, to: at, class: Class::Life, title });
                }
                points.push(point(at, Class::Done, title.unwrap_or_default()));
            }
            Seen::NeverReady { .. }
            | Seen::StillRuns { .. }
            | Seen::NotStarted { .. }
            | Seen::LeftBehind { .. } => {
                points.push(point(at, Class::Bad, title.unwrap_or_default()));
            }
            Seen::Mutated { .. } | Seen::Ready { .. } | Seen::Signalled { .. } => {
                points.push(point(at, Class::Done, title.unwrap_or_default()));
            }
            _ => {}
        }
    }
    if let Some((from, pid)) = started {
        marks.push(Mark { from, to: end, class: Class::Life, title: format!("process {pid}") });
    }
    marks.extend(points);
    marks
}

/// For each dependency the times in which it was broken, and the locks.
fn faults(own: &[&Observation], end: u64) -> Vec<Lane> {
    let mut lanes: BTreeMap<String, Vec<Mark>> = BTreeMap::new();
    let mut open: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for observation in own {
        let (name, title) = match &observation.seen {
            Seen::FaultSet { dependency, fault } => (dependency.clone(), Some(fault.clone())),
            Seen::FaultHealed { dependency } => (dependency.clone(), None),
            Seen::Locked { waiting } => {
                ("table lock".to_owned(), Some(format!("tables locked, {waiting} waiting")))
            }
            Seen::Unlocked => ("table lock".to_owned(), None),
            _ => continue,
        };
        if let Some((from, title)) = open.remove(&name) {
            let mark = Mark { from, to: observation.at, class: Class::Fault, title };
            lanes.entry(name.clone()).or_default().push(mark);
        }
        if let Some(title) = title {
            open.insert(name, (observation.at, title));
        }
    }
    for (name, (from, title)) in open {
        lanes.entry(name).or_default().push(Mark { from, to: end, class: Class::Fault, title });
    }
    let lane = |(name, marks)| Lane { name, is_packed: false, marks };
    lanes.into_iter().map(lane).collect()
}
