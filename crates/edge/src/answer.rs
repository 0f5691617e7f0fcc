//! The body of an answer: the edge's own words, or the service's as it comes.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;

use crate::pool::Lease;

pin_project! {
    /// A body of the edge.
    #[project = Projected]
    #[derive(Debug)]
    pub enum Answer {
        Own { bytes: Option<Bytes> },
        // The connection is given back when the service's body has ended; dropped before, it closes.
        Service { #[pin] body: Incoming, lease: Option<Lease> },
    }
}

impl Answer {
    /// What the service answers, on this connection.
    pub(crate) fn service(body: Incoming, lease: Lease) -> Self {
        if body.is_end_stream() {
            lease.give_back();
            return Self::Own { bytes: None };
        }
        Self::Service { body, lease: Some(lease) }
    }
}

impl From<Bytes> for Answer {
    fn from(bytes: Bytes) -> Self {
        Self::Own { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.project() {
            Projected::Own { bytes } => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Projected::Service { mut body, lease } => {
                let frame = body.as_mut().poll_frame(context);
                let ended = match &frame {
                    Poll::Ready(None) => true,
                    Poll::Ready(Some(Ok(_))) => body.is_end_stream(),
                    _ => false,
                };
                if ended && let Some(lease) = lease.take() {
                    lease.give_back();
                }
                frame.map_err(Into::into)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own { bytes } => bytes.is_none(),
            Self::Service { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64)
            }
            Self::Service { body, .. } => body.size_hint(),
        }
    }
}
