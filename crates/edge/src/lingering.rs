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

/// So long what nobody wants is read, at most.
const LONGEST: Duration = Duration::from_secs(5);

/// A body that goes on being read when it is let go of.
#[derive(Debug)]
pub(crate) struct Lingering(Option<Incoming>);

impl Lingering {
    pub(crate) fn new(body: Incoming) -> Self {
        // Nothing is left of what has ended.
        Self((!body.is_end_stream()).then_some(body))
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let left = self.0.take().filter(|body| !body.is_end_stream());
        // Without a runtime everything is ending, and nobody reads any more.
        if let (Some(mut body), Ok(runtime)) = (left, Handle::try_current()) {
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
        let Some(body) = &mut self.0 else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if let Poll::Ready(None | Some(Err(_))) = frame {
            self.0 = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map_or(SizeHint::with_exact(0), Incoming::size_hint)
    }
}
