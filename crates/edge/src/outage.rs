//! While a critical dependency is away, a failing answer says "try again later" instead of whatever
//! the failure made of it. The first failure may come before the loss is noticed: then the
//! dependencies are looked at anew before it is answered.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use layers::{HealthState, Refusal};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::dependency::Recheck;

/// Tells failures of the service from those of what it depends on.
#[derive(Debug, Clone)]
pub(crate) struct Outage {
    pub(crate) board: HealthState,
    pub(crate) doubt: Recheck,
}

/// How long a failure may wait for its explanation.
const EXPLAINED_WITHIN: Duration = Duration::from_millis(600);

impl Outage {
    /// The answer in place of this failure, or the failure.
    async fn explain<R: From<Bytes>>(self, failure: Response<R>) -> Response<R> {
        if !self.board.is_degraded() {
            self.doubt.settle(EXPLAINED_WITHIN).await;
        }
        if !self.board.is_degraded() {
            return failure;
        }
        let message = "something that this request needs is away";
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        let refusal = Refusal::new(unavailable, "dependency_unavailable", message);
        refusal.retry_after(5).answer().map(R::from)
    }
}

/// Explains failures; `None` does nothing.
#[derive(Debug, Clone)]
pub(crate) struct OutageLayer(pub(crate) Option<Outage>);

impl<S> Layer<S> for OutageLayer {
    type Service = OutageService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        OutageService { outage: self.0.clone(), inner }
    }
}

/// A service whose failures are explained.
#[derive(Debug, Clone)]
pub(crate) struct OutageService<S> {
    outage: Option<Outage>,
    inner: S,
}

impl<S, Q, R> Service<Request<Q>> for OutageService<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
    R: From<Bytes> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = OutageFuture<S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        OutageFuture::Waiting { inner: self.inner.call(request), outage: self.outage.clone() }
    }
}

type Explaining<R> = Pin<Box<dyn Future<Output = Response<R>> + Send>>;

pin_project! {
    /// The answer; a failure is looked into before it goes on.
    #[project = Projected]
    pub(crate) enum OutageFuture<F, R> {
        Waiting { #[pin] inner: F, outage: Option<Outage> },
        Explaining { explaining: Explaining<R> },
    }
}

impl<F, R, E> Future for OutageFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes> + Send + 'static,
{
    type Output = Result<Response<R>, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let explaining = match self.as_mut().project() {
                Projected::Waiting { inner, outage } => {
                    let answer = ready!(inner.poll(context));
                    match (answer, outage.take()) {
                        (Ok(failure), Some(outage)) if failure.status().is_server_error() => {
                            Box::pin(outage.explain(failure))
                        }
                        (answer, _) => return Poll::Ready(answer),
                    }
                }
                Projected::Explaining { explaining } => {
                    return explaining.as_mut().poll(context).map(Ok);
                }
            };
            self.set(Self::Explaining { explaining });
        }
    }
}
