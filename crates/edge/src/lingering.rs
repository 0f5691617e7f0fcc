//! The body of a request that nobody reads to its end: a refusal came first. To close at once would
//! make the client's system throw away the refusal with everything that it could not send (RFC 9112,
//! 9.6), so the rest is read for a while and forgotten.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;

use crate::fields::passing;

/// So long what nobody wants is read, at most.
const LONGEST: Duration = Duration::from_secs(5);

/// A body that goes on being read when it is let go of.
#[derive(Debug)]
pub(crate) struct Lingering {
    left: Left,
    trailers: Trailers,
}

/// What comes after a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Trailers {
    /// It passes, as far as it may come late.
    #[default]
    Pass,
    /// Nothing of it passes: the edge tells the service in headers who asks, and a server that puts
    /// trailers among the headers would take the client's word for it.
    Never,
}

/// What is left of it.
#[derive(Debug)]
enum Left {
    Coming(Incoming),
    /// One that was read already, to be looked into.
    Whole(Box<Bytes>),
    Ended,
}

impl Lingering {
    pub(crate) fn new(body: Incoming, trailers: Trailers) -> Self {
        let left = if body.is_end_stream() { Left::Ended } else { Left::Coming(body) };
        Self { left, trailers }
    }
}

impl From<Bytes> for Lingering {
    fn from(bytes: Bytes) -> Self {
        let left = if bytes.is_empty() { Left::Ended } else { Left::Whole(Box::new(bytes)) };
        Self { left, trailers: Trailers::default() }
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Left::Coming(body) = std::mem::replace(&mut self.left, Left::Ended) else { return };
        // Without a runtime everything is ending, and nobody reads any more.
        if let (false, Ok(runtime)) = (body.is_end_stream(), Handle::try_current()) {
            let mut body = body;
            runtime.spawn(async move {
                let all = async { while let Some(Ok(_)) = body.frame().await {} };
                // Who has not ended by then is cut off.
                let _ = tokio::time::timeout(LONGEST, all).await;
            });
        }
    }
}

impl Body for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.left {
            Left::Coming(body) => {
                let frame = Pin::new(body).poll_frame(context);
                let over = match &frame {
                    Poll::Ready(Some(Ok(frame))) => {
                        frame.is_trailers() && self.trailers == Trailers::Never
                    }
                    Poll::Ready(None | Some(Err(_))) => true,
                    Poll::Pending => false,
                };
                if !over {
                    return frame.map(|frame| frame.map(|frame| frame.map(passing)));
                }
                self.left = Left::Ended;
                frame.map(|frame| frame.filter(Result::is_err))
            }
            Left::Whole(bytes) => {
                let bytes = std::mem::take(&mut **bytes);
                self.left = Left::Ended;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Left::Ended => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.left {
            Left::Coming(body) => body.is_end_stream(),
            Left::Whole(_) => false,
            Left::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.left {
            Left::Coming(body) => body.size_hint(),
            Left::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Left::Ended => SizeHint::with_exact(0),
        }
    }
}
