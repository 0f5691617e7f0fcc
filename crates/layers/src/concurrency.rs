//! So many requests at once and no more: what comes beyond is refused at once rather than queued,
//! so that those who are served are served in time (load shedding).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{Held, Watch};
use crate::refusal::Refusal;

/// How many requests are served at once, and how many are now. Clones count together.
#[derive(Debug, Clone)]
pub struct Concurrency {
    most: usize,
    now: Arc<AtomicUsize>,
}

impl Concurrency {
    pub fn new(most: usize) -> Self {
        Self { most, now: Arc::default() }
    }

    /// How many are being served.
    pub fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    fn enter(&self) -> Option<Permit> {
        let before = self.now.fetch_add(1, Ordering::AcqRel);
        let place = Permit(Arc::clone(&self.now));
        (before < self.most).then_some(place)
    }
}

/// One request's place; given back when its answer has gone out whole, or will never.
#[derive(Debug)]
pub struct Permit(Arc<AtomicUsize>);

impl Watch for Permit {}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts requests and sheds those beyond the limit.
#[derive(Debug, Clone)]
pub struct ConcurrencyLayer(pub Concurrency);

impl<S> Layer<S> for ConcurrencyLayer {
    type Service = ConcurrencyService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ConcurrencyService { concurrency: self.0.clone(), inner }
    }
}

/// A service with so many places.
#[derive(Debug, Clone)]
pub struct ConcurrencyService<S> {
    concurrency: Concurrency,
    inner: S,
}

impl<S, Q, R> Service<Request<Q>> for ConcurrencyService<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<Held<R, Permit>>;
    type Error = S::Error;
    type Future = ConcurrencyFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        match self.concurrency.enter() {
            Some(place) => {
                ConcurrencyFuture::Waiting { inner: self.inner.call(request), place: Some(place) }
            }
            None => ConcurrencyFuture::Full,
        }
    }
}

pin_project! {
    /// The answer, or a refusal where all places were taken.
    #[project = Projected]
    pub enum ConcurrencyFuture<F> {
        Waiting { #[pin] inner: F, place: Option<Permit> },
        Full,
    }
}

impl<F, R, E> Future for ConcurrencyFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<Held<R, Permit>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Waiting { inner, place } => {
                let answer = ready!(inner.poll(context));
                let place = place.take();
                Poll::Ready(answer.map(|answer| answer.map(|body| Held::new(body, place))))
            }
            Projected::Full => {
                let message = "too many requests at once";
                let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", message);
                Poll::Ready(Ok(refusal.retry_after(1).answer().map(Held::from)))
            }
        }
    }
}
