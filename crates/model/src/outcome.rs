//! How a request ended, as its client saw it.

use serde::{Deserialize, Serialize};

/// What became of a request. `received` counts the bytes of the answer that had come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum Outcome {
    Answered {
        status: u16,
    },
    Refused,
    /// No connection was made in time, or for another reason.
    NotConnected,
    Closed {
        received: u64,
    },
    Reset {
        received: u64,
    },
    TimedOut {
        received: u64,
    },
    NotHttp,
}

impl Outcome {
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Answered { status } => Some(*status),
            _ => None,
        }
    }

    /// The outcome in a few words.
    pub fn words(&self) -> String {
        match self {
            Self::Answered { status } => format!("answered {status}"),
            Self::Refused => "refused the connection".to_owned(),
            Self::NotConnected => "accepted no connection".to_owned(),
            Self::Closed { received: 0 } => "closed the connection without a byte".to_owned(),
            Self::Closed { received } => format!("closed the connection after {received} bytes"),
            Self::Reset { received: 0 } => "reset the connection without a byte".to_owned(),
            Self::Reset { received } => format!("reset the connection after {received} bytes"),
            Self::TimedOut { received: 0 } => "did not answer in time".to_owned(),
            Self::TimedOut { received } => {
                format!("had not finished its answer in time ({received} bytes came)")
            }
            Self::NotHttp => "answered something that is not HTTP".to_owned(),
        }
    }
}
