//! Observations by trial: shared by the judges.

mod broken;
mod excerpt;
mod merged;
mod words;

use std::time::Duration;

use model::{Classes, Observation, Probe, Seen};

pub use broken::Broken;
pub(crate) use merged::merged;
pub use words::{time, words_of_end};

/// How many of the last lines a finding shows.
pub const LAST_LINES: usize = 20;
/// How many where they are only an addition.
const FEW_LINES: usize = 5;

/// One try within an experiment.
#[derive(Debug, Clone)]
pub struct Trial<'a> {
    pub subject: &'a str,
    pub method: &'a str,
    pub round: u32,
    pub seen: Vec<&'a Observation>,
}

/// The trials in the order in which they began.
pub fn by_trial(seen: &[Observation]) -> Vec<Trial<'_>> {
    let began = seen.iter().filter_map(|observation| match &observation.seen {
        Seen::Trial { subject, method, round } => Some((observation, subject, method, *round)),
        _ => None,
    });
    began
        .map(|(first, subject, method, round)| Trial {
            subject,
            method,
            round,
            seen: seen.iter().filter(|observation| observation.trial == first.trial).collect(),
        })
        .collect()
}

impl<'a> Trial<'a> {
    fn find<T>(&self, pick: impl Fn(&'a Seen) -> Option<T>) -> Option<T> {
        self.seen.iter().find_map(|observation| pick(&observation.seen))
    }

    /// The name that its observations carry.
    pub fn name(&self) -> &'a str {
        self.seen.first().map(|observation| observation.trial.as_str()).unwrap_or_default()
    }

    pub fn was_started(&self) -> bool {
        self.find(|seen| matches!(seen, Seen::Started { .. }).then_some(())).is_some()
    }

    fn port(&self) -> u16 {
        let port = |seen: &Seen| match seen {
            Seen::Started { port, .. } => Some(*port),
            _ => None,
        };
        self.find(port).unwrap_or_default()
    }

    /// Whether its start came to something that can be judged.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn came_to_something(&self) -> Result<(), String> {
        let something = self.ready().is_some() || self.broken().is_some();
        if something { Ok(()) } else { Err("never came to anything".to_owned()) }
    }

    /// Whether it was started and never seen to get ready, for whatever reason.
    pub fn is_unready(&self) -> bool {
        self.was_started() && self.ready().is_none()
    }

    /// How many faults were set, each taken away again.
    pub fn faults(&self) -> usize {
        let count = |is: fn(&Seen) -> bool| self.seen.iter().filter(|o| is(&o.seen)).count();
        let set = count(|seen| matches!(seen, Seen::FaultSet { .. }));
        set.min(count(|seen| matches!(seen, Seen::FaultHealed { .. })))
    }

    /// Whether the service had connected through the proxy before the fault was set.
    ///
    /// # Errors
    /// Why the fault met nobody, in words.
    pub fn fault_landed(&self) -> Result<(), String> {
        let mut connected = false;
        for observation in &self.seen {
            match &observation.seen {
                Seen::Traffic { connections, .. } => connected |= *connections > 0,
                Seen::FaultSet { .. } if !connected => return Err("met no connection".to_owned()),
                _ => {}
            }
        }
        match self.faults() {
            0 => Err("was not set and taken away".to_owned()),
            _ => Ok(()),
        }
    }

    /// The time to the first ready answer.
    pub fn ready(&self) -> Option<Duration> {
        self.find(|seen| match seen {
            Seen::Ready { after } => Some(Duration::from_micros(*after)),
            _ => None,
        })
    }

    /// How much of that it spent waiting for a processor.
    pub fn waited(&self) -> Duration {
        let waited = self.find(|seen| match seen {
            Seen::Fact { name, value, .. } if name == lab::WAITED => u64::try_from(*value).ok(),
            _ => None,
        });
        Duration::from_millis(waited.unwrap_or_default())
    }

    pub fn never_ready(&self) -> Option<Duration> {
        self.find(|seen| match seen {
            Seen::NeverReady { waited, .. } => Some(Duration::from_micros(*waited)),
            _ => None,
        })
    }

    /// Code and signal with which the main process ended.
    pub fn exit(&self) -> Option<(Option<i32>, Option<i32>)> {
        self.find(|seen| match seen {
            Seen::Exited { code, signal, .. } => Some((*code, *signal)),
            _ => None,
        })
    }

    /// How long after the last fault was set the main process ended.
    pub fn ended_under_fault(&self) -> Option<Duration> {
        let last = |is: fn(&Seen) -> bool| self.seen.iter().rfind(|o| is(&o.seen)).map(|o| o.at);
        let set = last(|seen| matches!(seen, Seen::FaultSet { .. }))?;
        let ended = last(|seen| matches!(seen, Seen::Exited { .. }))?;
        ended.checked_sub(set).map(Duration::from_micros)
    }

    pub fn exit_words(&self) -> String {
        match self.exit() {
            Some((Some(code), _)) => format!("exited with code {code}"),
            Some((None, Some(signal))) => format!("was ended by signal {signal}"),
            _ => "ended".to_owned(),
        }
    }

    pub fn port_opened(&self) -> bool {
        self.find(|seen| matches!(seen, Seen::PortOpened { .. }).then_some(())).is_some()
    }

    pub fn was_signalled(&self) -> bool {
        self.find(|seen| matches!(seen, Seen::Signalled { .. }).then_some(())).is_some()
    }

    pub fn was_signalled_with(&self, name: &str) -> bool {
        let is = |seen: &Seen| matches!(seen, Seen::Signalled { signal, .. } if signal == name);
        self.find(|seen| is(seen).then_some(())).is_some()
    }

    pub fn listens_elsewhere(&self) -> Option<&'a [String]> {
        self.find(|seen| match seen {
            Seen::ListensElsewhere { addresses } => Some(addresses.as_slice()),
            _ => None,
        })
    }

    pub fn left_behind(&self) -> Option<&'a [String]> {
        self.find(|seen| match seen {
            Seen::LeftBehind { processes } => Some(processes.as_slice()),
            _ => None,
        })
    }

    /// Why it cannot be said that a mutation took effect.
    pub fn mutation_undone(&self) -> Option<String> {
        self.find(|seen| match seen {
            Seen::Resupplied { variable, by } => {
                Some(format!("the process {by} was given {variable} again"))
            }
            Seen::ShadowBypassed { file } => Some(format!("it opened {file} all the same")),
            _ => None,
        })
    }

    /// The lines that it wrote.
    pub fn lines(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.seen.iter().filter_map(|observation| match &observation.seen {
            Seen::Output { line, .. } => Some(line.as_str()),
            _ => None,
        })
    }

    /// The end of its output, for a finding about something else than the start.
    pub fn few_lines(&self) -> Vec<String> {
        excerpt::telling(self.lines(), FEW_LINES)
    }

    pub fn last_lines(&self) -> Vec<String> {
        excerpt::telling(self.lines(), LAST_LINES)
    }

    /// The probes that were sent after the first ready answer and not accepted.
    pub fn refused_after_ready(&self, classes: &Classes) -> Option<&'a Probe> {
        let after = self.seen.iter().skip_while(|o| !matches!(o.seen, Seen::Ready { .. }));
        after.filter(|o| !matches!(o.seen, Seen::Ready { .. })).find_map(|o| match &o.seen {
            Seen::Probed { result, .. }
                if !result.is_accepted() && !is_limited(classes, result) =>
            {
                Some(result)
            }
            _ => None,
        })
    }

    fn last_probe(&self) -> Option<&'a Probe> {
        self.seen.iter().rev().find_map(|observation| match &observation.seen {
            Seen::Probed { result, .. } => Some(result),
            _ => None,
        })
    }
}

/// Whether a probe was answered by the service's limiter, which says nothing about its health.
pub fn is_limited(classes: &Classes, probe: &Probe) -> bool {
    matches!(probe, Probe::Answered { status, .. } if classes.limited.contains(status))
}

#[cfg(test)]
pub(crate) mod build {
    //! Observations for the judges' tests, without ceremony.

    use super::*;
    use crate::control::Control;
    use model::{Account, Judgement, Need, Ruling, Tally};
    use settings::Manifest;

    /// What follows when everything that was planned has landed: these tests are about rulings, and
    /// `evidence.rs` is about accounts.
    pub(crate) fn concluded(ruling: Ruling) -> Judgement {
        let mut tally = Tally::of("tries");
        tally.landed();
        model::conclude(Account::default().with(tally, Need::All), ruling)
    }

    pub(crate) trait Judged {
        fn judged(&self, manifest: &Manifest, seen: &[Observation]) -> Judgement;
    }

    impl<T: Control> Judged for T {
        fn judged(&self, manifest: &Manifest, seen: &[Observation]) -> Judgement {
            concluded(self.rule(manifest, seen).1)
        }
    }

    /// The observations of one trial, a millisecond apart.
    pub(crate) fn trial(
        name: &str,
        subject: &str,
        method: &str,
        seen: Vec<Seen>,
    ) -> Vec<Observation> {
        let round = name.rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or(1);
        let begin = Seen::Trial { subject: subject.into(), method: method.into(), round };
        let all = std::iter::once(begin).chain(seen).enumerate();
        all.map(|(at, seen)| Observation { at: at as u64 * 1000, trial: name.into(), seen })
            .collect()
    }

    pub(crate) fn fact(name: &str, about: &str, value: i64) -> Seen {
        Seen::Fact { name: name.into(), about: about.into(), value }
    }

    pub(crate) fn started() -> Seen {
        Seen::Started { pid: 7, command: vec!["a".into()], port: 15_000 }
    }

    pub(crate) fn ready(millis: u64) -> Seen {
        Seen::Ready { after: millis * 1000 }
    }

    pub(crate) fn exited(code: i32) -> Seen {
        Seen::Exited { pid: 7, code: Some(code), signal: None }
    }

    pub(crate) fn never() -> Seen {
        Seen::NeverReady { waited: 5_000_000, alive: true, port_open: false }
    }

    pub(crate) fn line(text: &str) -> Seen {
        Seen::Output { stream: model::observation::Stream::Stderr, line: text.into() }
    }
}
