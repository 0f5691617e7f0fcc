//! What keeps every instance of a lab from being had. It is found while the lab is opened and told
//! to each experiment, so that the run still ends with a scorecard that says what to do.

use crate::error::LabError;

/// The parts of a [`LabError`] that can be told more than once.
#[derive(Debug, Clone)]
pub(crate) enum Obstacle {
    NotInstalled { what: String, why: String, install: &'static str },
    Step { step: &'static str, command: String, outcome: String, output: String },
    Dependency { what: String, why: String },
}

impl Obstacle {
    /// Takes what is the user's to mend.
    ///
    /// # Errors
    /// Gives back what is not.
    pub(crate) fn of(error: LabError) -> Result<Self, LabError> {
        Ok(match error {
            LabError::CannotProvide { what, why, install } => {
                Self::NotInstalled { what, why, install }
            }
            LabError::StepFailed { step, command, outcome, output } => {
                Self::Step { step, command, outcome, output }
            }
            LabError::Dependency { what, why } => Self::Dependency { what, why },
            other => return Err(other),
        })
    }

    pub(crate) fn error(&self) -> LabError {
        match self.clone() {
            Self::NotInstalled { what, why, install } => {
                LabError::CannotProvide { what, why, install }
            }
            Self::Step { step, command, outcome, output } => {
                LabError::StepFailed { step, command, outcome, output }
            }
            Self::Dependency { what, why } => LabError::Dependency { what, why },
        }
    }
}
