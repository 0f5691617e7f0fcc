//! The body of a request on its way to the service, and a clock that knows who waits for whom.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;

/// Who waits for whom while a body is sent.
#[derive(Debug, Default, Clone, Copy)]
enum Turn {
    /// Nobody has asked for the body yet.
    #[default]
    Untouched,
    /// The service wants more, and the client has not sent it.
    Client,
    /// The service has had everything that it asked for, since then.
    Service(Instant),
}

/// Tells how long the service has been the one to move.
#[derive(Debug, Default)]
pub(crate) struct Clock(Mutex<Turn>);

impl Clock {
    /// For how long the client has been waiting for the service, of a request that began then.
    pub(crate) fn since(&self, began: Instant) -> Duration {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Turn::Untouched => began.elapsed(),
            Turn::Client => Duration::ZERO,
            Turn::Service(since) => since.elapsed(),
        }
    }

    fn set(&self, turn: Turn) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = turn;
    }
}

pin_project! {
    /// A body whose progress is known.
    #[derive(Debug)]
    pub struct TimedBody<B> {
        #[pin]
        body: B,
        clock: Option<Arc<Clock>>,
    }
}

impl<B> TimedBody<B> {
    pub(crate) fn new(body: B, clock: Option<Arc<Clock>>) -> Self {
        Self { body, clock }
    }
}

impl<B: Body> Body for TimedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = this.body.poll_frame(context);
        if let Some(clock) = this.clock {
            let turn =
                if frame.is_pending() { Turn::Client } else { Turn::Service(Instant::now()) };
            clock.set(turn);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
