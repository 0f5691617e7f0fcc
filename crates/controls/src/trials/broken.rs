//! Why a start did not lead to a service that answers: a diagnosis from what was seen.

use model::{Probe, Seen};

use super::Trial;
use super::words::time;

/// Why a start did not lead to a service that answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Broken {
    CannotExecute { reason: String },
    ForkedAway { left: Vec<String> },
    Exited { code: Option<i32>, signal: Option<i32> },
    ListensElsewhere { addresses: Vec<String> },
    NeverListens,
    SpeaksTls,
    SpeaksNoTls,
    UnixSocket { path: String },
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
                | Self::UnixSocket { .. }
                | Self::NeverAnswers
                | Self::NeverReady { .. }
        )
    }

    /// Whether it says more about how the service is reached here than about the service.
    pub fn is_of_the_lab(&self) -> bool {
        matches!(self, Self::SpeaksTls | Self::SpeaksNoTls | Self::UnixSocket { .. })
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
            Self::SpeaksNoTls => "speaks-no-tls",
            Self::UnixSocket { .. } => "unix-socket",
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
                format!("it is alive, but did not open port {port}{waited}")
            }
            Self::SpeaksTls => format!("port {port} speaks TLS, and no plain HTTP"),
            Self::SpeaksNoTls => format!("[service] tls is true, but port {port} speaks no TLS"),
            Self::UnixSocket { path } => {
                format!("it answers on the Unix socket {path} and not on port {port}")
            }
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
            Self::SpeaksTls => "say so and it is proven over TLS: [service] tls = true",
            Self::SpeaksNoTls => {
                "take tls out of [service], or give it the certificate that it waits for"
            }
            Self::UnixSocket { .. } => {
                "Unix sockets are not supported: let it listen on a TCP port in the lab"
            }
            Self::NotHttp { .. } => "point {port} at the HTTP port; seaworthy speaks HTTP/1.1",
            Self::NeverAnswers => "look for what blocks its first request",
            Self::NeverReady { .. } => {
                "check the path and the accepted codes in service.ready, and what it waits for"
            }
        }
    }
}

impl Trial<'_> {
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
        if self.find(|seen| matches!(seen, Seen::SpeaksNoTls { .. }).then_some(())).is_some() {
            return Some(Broken::SpeaksNoTls);
        }
        let unix = self.find(|seen| match seen {
            Seen::ServesUnixSocket { path } => Some(path.clone()),
            _ => None,
        });
        if let Some(path) = unix {
            return Some(Broken::UnixSocket { path });
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
