//! A body with somebody who watches it until its end.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Sees a body go by. It is dropped when the body has ended or was given up.
pub trait Watch {
    /// So many bytes went by.
    fn bytes(&mut self, _count: usize) {}
    /// It ended as it should.
    fn end(&mut self) {}
}

pin_project! {
    /// A body and its watcher.
    #[derive(Debug)]
    pub struct Held<B, W> {
        #[pin]
        body: B,
        watch: Option<W>,
    }
}

impl<B, W> Held<B, W> {
    pub fn new(body: B, watch: Option<W>) -> Self {
        Self { body, watch }
    }
}

impl<B: From<Bytes>, W> From<Bytes> for Held<B, W> {
    fn from(bytes: Bytes) -> Self {
        Self { body: B::from(bytes), watch: None }
    }
}

impl<B: Body, W: Watch> Body for Held<B, W> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(watch), Some(data)) = (this.watch.as_mut(), frame.data_ref()) {
                    watch.bytes(data.remaining());
                }
                // A body of known length is not asked again after its last byte.
                if this.body.is_end_stream()
                    && let Some(mut watch) = this.watch.take()
                {
                    watch.end();
                }
            }
            Some(Err(_)) => drop(this.watch.take()),
            None => {
                if let Some(mut watch) = this.watch.take() {
                    watch.end();
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
