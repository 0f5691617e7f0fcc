//! The body of an answer as it comes from the service.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use super::Outgoing;
use super::connection::Connection;
use super::framing::{Framing, Piece};
use super::pool::Pool;
use super::sending::{Broken, Sending};

/// An answer that is under way. Its connection is kept for the next request when it has ended;
/// dropped before, it closes.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(super) connection: Option<Box<Connection>>,
    pub(super) framing: Framing,
    /// Who sends what is left of the request: an answer may begin before.
    pub(super) upload: Option<Upload>,
    /// Whether another request may follow on the connection.
    pub(super) reusable: bool,
    pub(super) pool: Pool,
    /// Why it broke off, until that is told.
    pub(super) failure: Option<Failure>,
}

type Failure = Box<dyn Error + Send + Sync>;

/// The rest of a request on its way, for as long as somebody wants the answer.
#[derive(Debug)]
pub(super) struct Upload(JoinHandle<Result<(), Broken>>);

impl Drop for Upload {
    fn drop(&mut self) {
        self.0.abort();
    }
}

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

    /// Sends what is left of the request beside the answer.
    pub(super) fn go_on_sending(&mut self, sending: Sending<Outgoing>) {
        let Some(connection) = self.connection.take() else { return };
        let (reading, writing) = connection.split();
        self.connection = Some(Box::new(reading));
        let upload = writing.map(|(to, rest)| Upload(tokio::spawn(sending.finish(to, rest))));
        self.upload = upload;
    }

    /// Gives the connection back, when another request may follow on it.
    fn end(&mut self) {
        if let Some(connection) = self.connection.take()
            && self.reusable
            && connection.has_sent()
            && connection.incoming.is_empty()
        {
            self.pool.keep(connection);
        }
    }

    /// Whether the client broke off its request. That the service takes no more of it is no failure:
    /// the answer shows what came of it.
    fn has_lost_client(&mut self, context: &mut Context<'_>) -> bool {
        let Some(upload) = &mut self.upload else { return false };
        let Poll::Ready(ended) = Pin::new(&mut upload.0).poll(context) else { return false };
        self.upload = None;
        matches!(ended, Ok(Err(Broken::Client)))
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
        if self.has_lost_client(context) {
            return self.fail("the request broke off".into(), context);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a connection is kept after an answer, with so much left of its request.
    async fn is_kept(left: &[u8], reusable: bool) -> bool {
        let service = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let pool = Pool::new(service.local_addr().expect("it is bound"), 0);
        let mut connection = Connection::open(pool.address()).await.expect("it listens");
        let _end = service.accept().await.expect("it connected");
        connection.outgoing.extend_from_slice(left);
        connection.incoming.extend_from_slice(b"hello");
        let mut reply = Reply {
            connection: Some(connection),
            framing: Framing::Length(5),
            upload: None,
            reusable,
            pool: pool.clone(),
            failure: None,
        };
        assert_eq!(reply.whole(), Some(Bytes::from_static(b"hello")));
        pool.used(true).is_some()
    }

    #[tokio::test]
    async fn what_is_left_of_a_request_never_stands_before_the_next_one() {
        assert!(is_kept(b"", true).await);
        assert!(!is_kept(b"", false).await);
        assert!(!is_kept(b"rest", true).await, "the service still waits for it");
    }
}
