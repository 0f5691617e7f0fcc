//! The body of an answer as it comes from the service.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Outgoing;
use super::connection::Connection;
use super::framing::{Framing, Piece};
use super::pool::Pool;
use super::sending::Sending;

/// An answer that is under way. Its connection is kept for the next request when it has ended;
/// dropped before, it closes.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(super) connection: Option<Box<Connection>>,
    pub(super) framing: Framing,
    /// What of the request is still to be sent: an answer may begin before.
    pub(super) sending: Sending<Outgoing>,
    pub(super) reusable: bool,
    pub(super) pool: Pool,
    /// Why it broke off, until that is told.
    pub(super) failure: Option<Failure>,
}

type Failure = Box<dyn Error + Send + Sync>;

impl Reply {
    /// The whole body, when it has come with the head and nothing else is under way.
    pub(super) fn whole(&mut self) -> Option<Bytes> {
        let connection = self.connection.as_mut()?;
        let bytes = match self.framing {
            Framing::Ended => Bytes::new(),
            Framing::Length(length) if length <= connection.incoming.len() as u64 => {
                // The cast is sound: it is no more than there is.
                connection.incoming.split_to(length as usize).freeze()
            }
            _ => return None,
        };
        self.framing = Framing::Ended;
        self.end();
        Some(bytes)
    }

    /// Gives the connection back, when another request may follow on it.
    fn end(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.reusable
            && self.sending.is_done()
            && connection.incoming.is_empty()
        {
            self.pool.keep(connection);
        }
    }

    /// Sends on what of the request is left. Whether somebody broke off shows in the answer.
    fn poll_send(&mut self, context: &mut Context<'_>) {
        if let (Some(connection), Sending::Body { .. }) = (&mut self.connection, &self.sending)
            && let Poll::Ready(Err(_)) = self.sending.poll(connection, context)
        {
            self.sending = Sending::GivenUp;
        }
    }

    /// Fails at the second time of asking: whoever writes the answer then has time to send what
    /// came before the failure.
    fn fail(
        &mut self,
        error: Failure,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.connection = None;
        self.failure = Some(error);
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Piece, Failure>> {
        loop {
            let Some(connection) = &mut self.connection else { return Poll::Ready(Ok(Piece::End)) };
            match self.framing.take(&mut connection.incoming)? {
                Piece::Wanting => {}
                piece => return Poll::Ready(Ok(piece)),
            }
            if ready!(connection.poll_fill(context))? == 0 {
                return Poll::Ready(match self.framing {
                    Framing::UntilClose => Ok(Piece::End),
                    _ => Err("the service broke off".into()),
                });
            }
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(failure) = self.failure.take() {
            return Poll::Ready(Some(Err(failure)));
        }
        self.poll_send(context);
        let frame = match ready!(self.poll_piece(context)) {
            Ok(Piece::Data(data)) => Some(Ok(Frame::data(data))),
            Ok(Piece::Trailers(trailers)) => Some(Ok(Frame::trailers(trailers))),
            Ok(Piece::End | Piece::Wanting) => None,
            Err(error) => return self.fail(error, context),
        };
        if frame.is_none() || self.framing.has_ended() {
            self.end();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.framing.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length(left) => SizeHint::with_exact(left),
            Framing::Ended => SizeHint::with_exact(0),
            Framing::Chunked(_) | Framing::UntilClose => SizeHint::default(),
        }
    }
}
