//! What the engine tells while it works. Reporters listen; the engine never prints.

use serde::{Deserialize, Serialize};

use crate::scorecard::{Row, Scorecard};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Work outside the experiments: building, preparing, cleaning up.
    Stage {
        text: String,
    },
    /// The plan is known: this many experiments will run, in this order of ids.
    Planned {
        controls: Vec<String>,
        /// How long they are likely to take.
        #[serde(default)]
        seconds: f64,
    },
    ExperimentStarted {
        control: String,
    },
    /// What an experiment is doing now.
    Progress {
        control: String,
        text: String,
    },
    ExperimentFinished {
        row: Box<Row>,
    },
    Finished {
        scorecard: Box<Scorecard>,
    },
}

/// An event as it is written down, so that a page or another program can follow a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The run's id.
    pub run: String,
    /// Counts up from 1; a gap means that something was lost.
    pub sequence: u64,
    /// Microseconds since the run began.
    pub at_us: u64,
    #[serde(flatten)]
    pub event: Event,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_line_that_can_be_read_back() {
        let event = Event::Progress { control: "cors".into(), text: "preflight".into() };
        let told = Told { run: "r".into(), sequence: 7, at_us: 1, event };
        let line = serde_json::to_string(&told).expect("it can be written");
        assert!(
            line.contains("\"event\":\"progress\"") && line.contains("\"sequence\":7"),
            "{line}"
        );
        assert_eq!(serde_json::from_str::<Told>(&line).expect("it can be read"), told);
    }
}
