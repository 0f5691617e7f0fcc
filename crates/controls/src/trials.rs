//! Observations by trial, and what became of a start: shared by the judges.

use std::time::Duration;

use model::{Classes, Observation, Probe, Seen};

/// How many of the last lines a finding shows.
pub const LAST_LINES: usize = 20;
/// How many where they are only an addition.
const FEW_LINES: usize = 5;

/// That a process ended under a fault, for a finding.
pub fn words_of_end(dependency: &str, word: &str, after: Option<Duration>) -> String {
    match after {
        Some(after) => {
            format!("{dependency} was {word}, and the process ended {} after that", time(after))
        }
        None => format!("the process ended while {dependency} was {word}"),
    }
}

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

/// Why a start did not lead to a service that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    CannotExecute { reason: String },
    ForkedAway { left: Vec<String> },
    Exited { code: Option<i32>, signal: Option<i32> },
    ListensElsewhere { addresses: Vec<String> },
    NeverListens,
    SpeaksTls,
    NotHttp { start: String },
    NeverAnswers,
    NeverReady { answer: String },
}

impl Broken {
    /// Whether it was concluded from waiting, so that one time is not enough.
    pub fn is_of_time(&self) -> bool {
        matches!(
            self,
            Self::ListensElsewhere { .. }
                | Self::NeverListens
                | Self::NeverAnswers
                | Self::NeverReady { .. }
        )
    }

    pub fn cause(&self) -> &'static str {
        match self {
            Self::CannotExecute { .. } => "cannot-execute",
            Self::ForkedAway { .. } => "forked-away",
            Self::Exited { code: Some(0), .. } => "exited-zero",
            Self::Exited { .. } => "exits-at-start",
            Self::ListensElsewhere { .. } => "listens-elsewhere",
            Self::NeverListens => "never-listens",
            Self::SpeaksTls => "speaks-tls",
            Self::NotHttp { .. } => "not-http",
            Self::NeverAnswers => "never-answers",
            Self::NeverReady { .. } => "never-ready",
        }
    }

    /// What was seen, in words.
    pub fn witness(&self, trial: &Trial<'_>) -> String {
        let port = trial.port();
        let waited = trial.never_ready().map_or(String::new(), |d| format!(" within {}", time(d)));
        match self {
            Self::CannotExecute { reason } => format!("it cannot be executed: {reason}"),
            Self::ForkedAway { left } => {
                format!("the process that was started exited and left {} behind", left.join(", "))
            }
            Self::Exited { .. } => format!("it {} before it was ready", trial.exit_words()),
            Self::ListensElsewhere { addresses } => format!(
                "it was told to listen on port {port} and listens at {} instead",
                addresses.join(", ")
            ),
            Self::NeverListens => {
                format!("it lives, but nothing listens on port {port}{waited}")
            }
            Self::SpeaksTls => format!("port {port} speaks TLS, and no plain HTTP"),
            Self::NotHttp { start } => {
                format!("port {port} answers something that is not HTTP: {start:?}")
            }
            Self::NeverAnswers => {
                format!("port {port} accepts connections, but no answer came{waited}")
            }
            Self::NeverReady { answer } => {
                format!("no ready answer came{waited}; the last one was: it {answer}")
            }
        }
    }

    pub fn fix(&self) -> &'static str {
        match self {
            Self::CannotExecute { .. } => "check service.start and that the program is built",
            Self::ForkedAway { .. } => {
                "run it in the foreground: a supervisor can only watch what it started"
            }
            Self::Exited { .. } => {
                "the last lines of its output say why; check setup, the environment and the dependencies"
            }
            Self::ListensElsewhere { .. } => {
                "put {port} where the service takes its port from, or declare port = { env = \"…\" }"
            }
            Self::NeverListens => {
                "look for what it waits for at the start: give every wait a limit, then exit with a message"
            }
            Self::SpeaksTls => {
                "let it speak plain HTTP in the lab; a service that ends TLS itself cannot be proven yet"
            }
            Self::NotHttp { .. } => {
                "point {port} at the HTTP port; seaworthy speaks plain HTTP/1.1"
            }
            Self::NeverAnswers => "look for what blocks its first request",
            Self::NeverReady { .. } => {
                "check the path and the accepted codes in service.ready, and what it waits for"
            }
        }
    }
}

impl<'a> Trial<'a> {
    fn find<T>(&self, pick: impl Fn(&'a Seen) -> Option<T>) -> Option<T> {
        self.seen.iter().find_map(|observation| pick(&observation.seen))
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
        let mut lines = self.last_lines();
        lines.drain(..lines.len().saturating_sub(FEW_LINES));
        lines
    }

    pub fn last_lines(&self) -> Vec<String> {
        let lines: Vec<_> = self.lines().filter(|line| !line.trim().is_empty()).collect();
        lines.iter().rev().take(LAST_LINES).rev().map(|line| (*line).to_owned()).collect()
    }

    /// The probes that were sent after the first ready answer and not accepted.
    pub fn refused_after_ready(&self, classes: &Classes) -> Option<String> {
        let after = self.seen.iter().skip_while(|o| !matches!(o.seen, Seen::Ready { .. }));
        after.filter(|o| !matches!(o.seen, Seen::Ready { .. })).find_map(|o| match &o.seen {
            Seen::Probed { result, .. }
                if !result.is_accepted() && !is_limited(classes, result) =>
            {
                Some(result.words())
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

    /// Why the start did not work, if it did not.
    pub fn broken(&self) -> Option<Broken> {
        let cannot = self.find(|seen| match seen {
            Seen::NotStarted { reason } => Some(reason.clone()),
            _ => None,
        });
        if let Some(reason) = cannot {
            return Some(Broken::CannotExecute { reason });
        }
        let left = self.left_behind().filter(|_| !self.was_signalled());
        if let (Some((Some(0), _)), Some(left)) = (self.exit(), left) {
            // It may even have answered: by what it left behind.
            return Some(Broken::ForkedAway { left: left.to_vec() });
        }
        if self.ready().is_some() {
            return None;
        }
        if self.never_ready().is_none() {
            let (code, signal) = self.exit()?;
            return Some(Broken::Exited { code, signal });
        }
        if self.find(|seen| matches!(seen, Seen::SpeaksTls { .. }).then_some(())).is_some() {
            return Some(Broken::SpeaksTls);
        }
        if let Some(addresses) = self.listens_elsewhere() {
            return Some(Broken::ListensElsewhere { addresses: addresses.to_vec() });
        }
        Some(match self.last_probe() {
            Some(Probe::NotHttp { start }) => Broken::NotHttp { start: start.clone() },
            Some(Probe::Answered { status, .. }) => {
                Broken::NeverReady { answer: format!("answered {status}") }
            }
            Some(Probe::TimedOut | Probe::Dropped) => Broken::NeverAnswers,
            Some(Probe::Refused) | None if self.port_opened() => Broken::NeverAnswers,
            Some(Probe::Refused) | None => Broken::NeverListens,
        })
    }
}

/// Whether a probe was answered by the service's limiter, which says nothing about its health.
pub fn is_limited(classes: &Classes, probe: &Probe) -> bool {
    matches!(probe, Probe::Answered { status, .. } if classes.limited.contains(status))
}

/// A length of time for people.
pub fn time(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        10_000..1_000_000 => format!("{:.0} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
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
