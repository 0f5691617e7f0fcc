//! A layer that only looks at heads: two plain functions, and one service for all of them.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// What a layer does with the head of a request and of its answer.
pub trait Policy: Clone + Send + Sync + 'static {
    /// What it remembers from the request until the answer.
    type State: Send;

    /// Looks at a request before the service sees it; may change it or answer it.
    ///
    /// # Errors
    /// The answer, when the service shall not see the request.
    fn request<B>(&self, request: &mut Request<B>) -> Result<Self::State, Box<Response<Bytes>>>;

    /// Looks at the service's answer before the client sees it; may change its head.
    fn response<B>(&self, state: Self::State, response: &mut Response<B>);

    /// As a tower layer. Its service's body must be made from bytes, as axum's is.
    fn layer(self) -> PolicyLayer<Self> {
        PolicyLayer { policy: Some(self) }
    }
}

/// Applies a policy, or nothing.
#[derive(Debug, Clone)]
pub struct PolicyLayer<P> {
    policy: Option<P>,
}

impl<P> PolicyLayer<P> {
    /// A layer that does nothing where there is no policy, so that a stack has one type whatever is
    /// turned on.
    pub fn optional(policy: Option<P>) -> Self {
        Self { policy }
    }
}

impl<P: Clone, S> Layer<S> for PolicyLayer<P> {
    type Service = PolicyService<P, S>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyService { policy: self.policy.clone(), inner }
    }
}

/// A service behind a policy.
#[derive(Debug, Clone)]
pub struct PolicyService<P, S> {
    policy: Option<P>,
    inner: S,
}

impl<P, S, Q, R> Service<Request<Q>> for PolicyService<P, S>
where
    P: Policy,
    S: Service<Request<Q>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = PolicyFuture<P, S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let Some(policy) = &self.policy else {
            return PolicyFuture::Waiting { inner: self.inner.call(request), after: None };
        };
        match policy.request(&mut request) {
            Ok(state) => PolicyFuture::Waiting {
                inner: self.inner.call(request),
                after: Some((policy.clone(), state)),
            },
            Err(answer) => PolicyFuture::Answered { answer: Some(answer.map(R::from)) },
        }
    }
}

pin_project! {
    /// The answer of a service behind a policy.
    #[project = Projected]
    pub enum PolicyFuture<P: Policy, F, R> {
        Waiting { #[pin] inner: F, after: Option<(P, P::State)> },
        Answered { answer: Option<Response<R>> },
    }
}

impl<P, F, R, E> Future for PolicyFuture<P, F, R>
where
    P: Policy,
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Waiting { inner, after } => {
                let mut answer = ready!(inner.poll(context));
                if let (Ok(answer), Some((policy, state))) = (&mut answer, after.take()) {
                    policy.response(state, answer);
                }
                Poll::Ready(answer)
            }
            Projected::Answered { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer)),
                None => Poll::Pending,
            },
        }
    }
}
