//! What goes wrong in a way that the user can mend, or cannot: one type, one place for exit codes.

use crate::exit::{self, Exit};

/// An error to show, with its exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// Ready to be printed; several lines where that helps.
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// The command line, the manifest or the machine is not as it must be.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: exit::USAGE, message: message.into(), hint: None }
    }

    /// Seaworthy failed.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { exit: exit::INTERNAL, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<engine::ProofError> for Failure {
    fn from(error: engine::ProofError) -> Self {
        use engine::ProofError::{Interrupted, Lab, Store, Unprotected};
        let users = match &error {
            Lab(error) => error.is_the_users(),
            Store(_) | Unprotected { .. } => true,
            Interrupted => {
                let message = error.to_string();
                return Self { exit: exit::INTERRUPTED, message, hint: None };
            }
            _ => false,
        };
        if users { Self::usage(error.to_string()) } else { Self::internal(error.to_string()) }
    }
}

impl From<engine::store::StoreError> for Failure {
    fn from(error: engine::store::StoreError) -> Self {
        match error {
            // A folder that cannot be written is for the user to mend.
            engine::store::StoreError::NoRun { .. }
            | engine::store::StoreError::File { .. }
            | engine::store::StoreError::Format { .. } => Self::usage(error.to_string()),
            other @ engine::store::StoreError::Content { .. } => Self::internal(other.to_string()),
        }
    }
}
