//! A connection that was never made.

use std::time::Duration;

/// Why no connection was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotConnected {
    #[error("the connection was refused")]
    Refused,
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    #[error("{0}")]
    Other(String),
}
