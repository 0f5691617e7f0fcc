//! The body of an answer: the edge's own words or a whole answer of the service, or what comes of
//! the service bit by bit.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::fields::passing;
use crate::upstream::Reply;

/// A body of the edge.
#[derive(Debug)]
pub(crate) enum Answer {
    Whole {
        bytes: Option<Bytes>,
    },
    Service {
        reply: Box<Reply>,
    },
    /// Of a service that speaks HTTP/2.
    Stream {
        body: Box<Incoming>,
    },
}

impl Answer {
    /// What the service is answering.
    pub(crate) fn service(reply: Box<Reply>) -> Self {
        Self::Service { reply }
    }
}

impl From<Bytes> for Answer {
    fn from(bytes: Bytes) -> Self {
        Self::Whole { bytes: Some(bytes).filter(|bytes| !bytes.is_empty()) }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut *self {
            Self::Whole { bytes } => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Service { reply } => Pin::new(reply).poll_frame(context),
            Self::Stream { body } => {
                let frame = Pin::new(body).poll_frame(context);
                frame.map(|frame| frame.map(|frame| frame.map(passing).map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole { bytes } => bytes.is_none(),
            Self::Service { reply } => reply.is_end_stream(),
            Self::Stream { body } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64)
            }
            Self::Service { reply } => reply.size_hint(),
            Self::Stream { body } => body.size_hint(),
        }
    }
}
