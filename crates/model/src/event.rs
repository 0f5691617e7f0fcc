//! What the engine tells while it works. Reporters listen; the engine never prints.

use crate::scorecard::{Row, Scorecard};

#[derive(Debug, Clone)]
pub enum Event {
    /// Work outside the experiments: building, preparing, cleaning up.
    Stage {
        text: String,
    },
    /// The plan is known: this many experiments will run, in this order of ids.
    Planned {
        controls: Vec<String>,
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
