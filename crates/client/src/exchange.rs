//! What became of one request.

use std::time::{Duration, Instant};

use crate::message::Response;
use crate::not_connected::NotConnected;

/// How an exchange ended. `received` counts the bytes of the answer that had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The answer arrived whole.
    Complete,
    /// No connection was made.
    NotConnected(NotConnected),
    /// The other side closed the connection before the answer was whole.
    Closed { received: usize },
    /// The other side reset the connection before the answer was whole.
    Reset { received: usize },
    /// No whole answer in time.
    TimedOut { received: usize },
    /// The bytes that came are not HTTP/1.
    NotHttp { why: String, start: String },
}

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The answer, whole or as far as it came.
    pub response: Option<Response>,
    pub end: End,
    pub began: Instant,
    /// How long connecting took, where the connection was made for this request.
    pub connected: Option<Duration>,
    /// From the first byte sent to the first byte of the answer.
    pub first_byte: Option<Duration>,
    /// From the first byte sent to the end.
    pub took: Duration,
    /// How many answers the connection had carried before.
    pub reused: u32,
}

impl Exchange {
    pub(crate) fn begun(began: Instant, reused: u32) -> Self {
        Self {
            response: None,
            end: End::Complete,
            began,
            connected: None,
            first_byte: None,
            took: Duration::ZERO,
            reused,
        }
    }

    pub(crate) fn done(mut self, response: Option<Response>, end: End) -> Self {
        self.took = self.began.elapsed();
        self.response = response;
        self.end = end;
        self
    }

    /// The status of a whole answer.
    pub fn status(&self) -> Option<u16> {
        match self.end {
            End::Complete => self.response.as_ref().map(|response| response.status),
            _ => None,
        }
    }
}
