//! What stands before the service, as hyper calls it on a connection of HTTP/1.1.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use layers::Policy;
use tower_service::Service;

use crate::lingering::Lingering;
use crate::proxy::forget_named;
use crate::worker::Ground;

/// A tower service, whose calls need it whole, as a hyper service, whose calls do not: the calls of
/// one connection come one after the other.
pub(super) struct Adapter<S> {
    service: RefCell<S>,
    ground: Arc<Ground>,
    /// Whether a request has come.
    asked: Arc<AtomicBool>,
}

impl<S> Adapter<S> {
    pub(super) fn new(service: S, ground: &Arc<Ground>, asked: Arc<AtomicBool>) -> Self {
        Self { service: RefCell::new(service), ground: Arc::clone(ground), asked }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Adapter<S>
where
    S: Service<Request<Lingering>, Response = Response<B>, Error = Infallible>,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Farewell<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.asked.store(true, Ordering::Relaxed);
        forget_named(request.headers_mut());
        // It never refuses.
        let id = self.ground.parts.correlation.request(&mut request).ok().flatten();
        let trailers = self.ground.parts.trailers;
        let request = request.map(|body| Lingering::new(body, trailers));
        let answering = self.service.borrow_mut().call(request);
        Farewell { answering, ground: Arc::clone(&self.ground), id }
    }
}

pin_project_lite::pin_project! {
    /// Gives each answer its request's id, and says, once draining or another configuration has
    /// begun, that it is the connection's last.
    pub(super) struct Farewell<F> {
        #[pin]
        answering: F,
        ground: Arc<Ground>,
        id: Option<HeaderValue>,
    }
}

impl<F, B> Future for Farewell<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut answer = ready!(this.answering.poll(context));
        if let Ok(answer) = &mut answer {
            this.ground.parts.correlation.response(this.id.take(), answer);
            if this.ground.is_left() && answer.status() != http::StatusCode::SWITCHING_PROTOCOLS {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        Poll::Ready(answer)
    }
}
