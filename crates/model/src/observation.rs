//! Everything that an experiment saw, in one vocabulary and on one clock.
//!
//! An observation is a fact, never a conclusion: judges work from these alone, so a stored run can
//! be judged again without the service.

use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::outcome::Outcome;

/// One fact: when (microseconds since the run began), in which trial, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub at: u64,
    /// The try within the experiment that this belongs to, for example `JWT_SECRET/absent/1`.
    pub trial: String,
    pub seen: Seen,
}

/// What can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Seen {
    /// A trial begins: what is tried, how, and which round it is.
    Trial { subject: String, method: String, round: u32 },
    /// A variable was given another value, or none. Secret values appear as their names.
    Mutated { variable: String, value: Option<String> },
    /// The process was started. `port` is where it was told to listen.
    Started { pid: u32, command: Vec<String>, port: u16 },
    /// The process could not be started at all.
    NotStarted { reason: String },
    /// The environment of a process of the service's tree still has a variable that was removed
    /// or changed.
    Resupplied { variable: String, by: String },
    /// The service opened an original `.env` file although it was shadowed.
    ShadowBypassed { file: String },
    /// The service wrote a line.
    Output { stream: Stream, line: String },
    /// More output than is kept: this many bytes were counted and dropped.
    OutputDropped { bytes: u64 },
    /// The port accepted a connection for the first time.
    PortOpened { port: u16 },
    /// The port answers in TLS.
    SpeaksTls { port: u16 },
    /// TLS was expected there, and the port answers without it.
    SpeaksNoTls { port: u16 },
    /// It answers HTTP on a Unix socket.
    ServesUnixSocket { path: String },
    /// The service's tree listens at other addresses than the one it was told.
    ListensElsewhere { addresses: Vec<String> },
    /// A health probe was sent.
    Probed {
        probe: String,
        result: Probe,
        #[serde(alias = "took")]
        took_us: u64,
    },
    /// The first ready answer, in microseconds after the start of the process.
    Ready { after: u64 },
    /// No ready answer was seen within the patience, in microseconds.
    NeverReady { waited: u64, alive: bool, port_open: bool },
    /// A signal was sent to the one process that an init system would signal.
    Signalled { signal: String, pid: u32 },
    /// The process ended. Exactly one of `code` and `signal` is given.
    Exited { pid: u32, code: Option<i32>, signal: Option<i32> },
    /// It was asked to stop and still runs after this long (microseconds).
    StillRuns { waited: u64 },
    /// The main process ended and these of its tree lived on.
    LeftBehind { processes: Vec<String> },
    /// A connection left the lab, and the life of the service was ended for it.
    LeftTheLab { address: String, process: String },
    /// A process tried to reach a host outside the lab and was refused.
    EgressRefused { target: String, process: String },
    /// A step after the first ready answer failed.
    StepFailed { command: String, outcome: String, output: String },
    /// A fault was put between the service and a dependency.
    FaultSet { dependency: String, fault: String },
    /// The dependency is reachable again.
    FaultHealed { dependency: String },
    /// What had gone through the proxy of a dependency so far.
    Traffic { dependency: String, connections: u64, up: u64, down: u64 },
    /// A request of one of the experiment's clients, and what became of it. `took_us` in
    /// microseconds; the observation's time is its end.
    Exchanged {
        client: String,
        request: String,
        outcome: Outcome,
        #[serde(alias = "took")]
        took_us: u64,
        reused: u32,
    },
    /// A request to the service's surface and everything that came back.
    Answer(Answer),
    /// An idle connection was ended by the service, this long after the signal (microseconds).
    IdleEnded { after: u64 },
    /// An idle connection was still open when the process ended or the experiment gave up.
    IdleOpen,
    /// A journey of so many steps was walked to its end, or to the step that failed.
    Walked {
        journey: String,
        failure: Option<String>,
        #[serde(default)]
        steps: u32,
    },
    /// The experiment set out to make so many tries of a group.
    Planned { group: String, tries: u32 },
    /// A typed fact of the experiment: its name, what it is about, and a value.
    Fact {
        name: String,
        #[serde(default)]
        about: String,
        #[serde(default)]
        value: i64,
    },
    /// A second session holds locks on the tables, and this many sessions wait for them.
    Locked { waiting: u32 },
    /// The locks were given back.
    Unlocked,
    /// Something that an experiment wants to remember, in words.
    Remark { text: String },
    /// What a newer version saw and this one does not know. It is passed over.
    #[serde(other)]
    Unknown,
}

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stream {
    Stdout,
    Stderr,
    /// The file that the manifest declares beside them.
    LogFile,
}

/// How a probe ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum Probe {
    /// An answer, and whether it is one that the manifest accepts.
    Answered {
        status: u16,
        accepted: bool,
    },
    Refused,
    /// The connection ended before an answer was complete.
    Dropped,
    TimedOut,
    /// Bytes came that are not HTTP; the first of them, printable.
    NotHttp {
        start: String,
    },
}

impl Probe {
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Answered { accepted: true, .. })
    }

    /// The outcome in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Answered { status, .. } => format!("answered {status}"),
            Self::Refused => "refused the connection".to_owned(),
            Self::Dropped => "closed the connection without an answer".to_owned(),
            Self::TimedOut => "did not answer in time".to_owned(),
            Self::NotHttp { start } => format!("answered something that is not HTTP: {start:?}"),
        }
    }
}
