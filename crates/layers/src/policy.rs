//! A layer that only looks at heads: two plain functions, and one service for all of them.
//!
//! Policies that stand next to each other are one: a pair is a policy whose first half is the outer
//! one, and an `Option` is a policy that may be turned off. Each layer moves the request and the
//! answer once; a pair moves nothing.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// What a layer does with the head of a request and of its answer.
pub trait Policy: Send + Sync + 'static {
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
    fn layer(self) -> PolicyLayer<Self>
    where
        Self: Sized,
    {
        PolicyLayer { policy: Arc::new(self) }
    }
}

impl<P: Policy> Policy for Option<P> {
    type State = Option<P::State>;

    fn request<B>(&self, request: &mut Request<B>) -> Result<Self::State, Box<Response<Bytes>>> {
        self.as_ref().map(|policy| policy.request(request)).transpose()
    }

    fn response<B>(&self, state: Self::State, response: &mut Response<B>) {
        if let (Some(policy), Some(state)) = (self, state) {
            policy.response(state, response);
        }
    }
}

impl<P: Policy> Policy for Arc<P> {
    type State = P::State;

    fn request<B>(&self, request: &mut Request<B>) -> Result<Self::State, Box<Response<Bytes>>> {
        P::request(self, request)
    }

    fn response<B>(&self, state: Self::State, response: &mut Response<B>) {
        P::response(self, state, response);
    }
}

/// The first sees a request before the second, and its answer after it.
impl<O: Policy, I: Policy> Policy for (O, I) {
    type State = (O::State, I::State);

    fn request<B>(&self, request: &mut Request<B>) -> Result<Self::State, Box<Response<Bytes>>> {
        let outer = self.0.request(request)?;
        match self.1.request(request) {
            Ok(inner) => Ok((outer, inner)),
            Err(mut answer) => {
                self.0.response(outer, &mut answer);
                Err(answer)
            }
        }
    }

    fn response<B>(&self, (outer, inner): Self::State, response: &mut Response<B>) {
        self.1.response(inner, response);
        self.0.response(outer, response);
    }
}

/// Applies a policy.
#[derive(Debug)]
pub struct PolicyLayer<P> {
    policy: Arc<P>,
}

impl<P> Clone for PolicyLayer<P> {
    fn clone(&self) -> Self {
        Self { policy: Arc::clone(&self.policy) }
    }
}

impl<P, S> Layer<S> for PolicyLayer<P> {
    type Service = PolicyService<P, S>;

    fn layer(&self, inner: S) -> Self::Service {
        PolicyService { policy: Arc::clone(&self.policy), inner }
    }
}

/// A service behind a policy.
#[derive(Debug)]
pub struct PolicyService<P, S> {
    policy: Arc<P>,
    inner: S,
}

impl<P, S: Clone> Clone for PolicyService<P, S> {
    fn clone(&self) -> Self {
        Self { policy: Arc::clone(&self.policy), inner: self.inner.clone() }
    }
}

impl<P, S, Q, R> Service<Request<Q>> for PolicyService<P, S>
where
    P: Policy,
    S: Service<Request<Q>, Response = Response<R>>,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = PolicyFuture<P, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        match self.policy.request(&mut request) {
            Ok(state) => PolicyFuture::Waiting {
                inner: self.inner.call(request),
                after: Some((Arc::clone(&self.policy), state)),
            },
            Err(answer) => PolicyFuture::Answered { answer: Some(answer) },
        }
    }
}

pin_project! {
    /// The answer of a service behind a policy.
    #[project = Projected]
    pub enum PolicyFuture<P: Policy, F> {
        Waiting { #[pin] inner: F, after: Option<(Arc<P>, P::State)> },
        Answered { answer: Option<Box<Response<Bytes>>> },
    }
}

impl<P, F, R, E> Future for PolicyFuture<P, F>
where
    P: Policy,
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
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
                Some(answer) => Poll::Ready(Ok(answer.map(R::from))),
                None => Poll::Pending,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    /// Adds its letter to what passes, and answers what asks for it.
    struct Letter(&'static str);

    fn add(headers: &mut HeaderMap, letter: &str) {
        let before = headers.get("seen").map_or(&b""[..], HeaderValue::as_bytes);
        let text = [before, letter.as_bytes()].concat();
        headers.insert("seen", HeaderValue::from_bytes(&text).expect("letters"));
    }

    impl Policy for Letter {
        type State = ();

        fn request<B>(&self, request: &mut Request<B>) -> Result<(), Box<Response<Bytes>>> {
            if request.uri().path().contains(self.0) {
                return Err(Box::default());
            }
            add(request.headers_mut(), self.0);
            Ok(())
        }

        fn response<B>(&self, (): (), response: &mut Response<B>) {
            add(response.headers_mut(), self.0);
        }
    }

    #[test]
    fn a_pair_is_the_first_around_the_second() {
        let policy = (Some(Letter("a")), (None::<Letter>, (Letter("b"), Letter("c"))));
        let mut request = Request::get("/").body(()).expect("sound");
        let state = policy.request(&mut request).expect("it passes");
        assert_eq!(request.headers()["seen"], "abc");
        let mut answer = Response::new(());
        policy.response(state, &mut answer);
        assert_eq!(answer.headers()["seen"], "cba");
        let mut request = Request::get("/c").body(()).expect("sound");
        let refusal = policy.request(&mut request).expect_err("answered");
        assert_eq!(refusal.headers()["seen"], "ba", "who let it pass sees the answer");
    }
}
