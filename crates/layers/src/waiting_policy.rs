//! The one boundary behind which layers may wait: for a key set, for a store that several edges
//! share. A policy that waits is a [`Policy`] in steps, and most requests pass without waiting.
//!
//! Policies that stand next to each other are one: a pair is a policy whose first half is the outer
//! one, and an `Option` is a policy that may be turned off, as it is for [`Policy`].

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::policy::Policy;

/// What is waited for.
pub type Pending<F> = Pin<Box<dyn Future<Output = F> + Send>>;

/// What a policy does with a request next.
pub enum Step<S, F> {
    /// It goes on to the service; this is remembered until its answer.
    Pass(S),
    /// It is answered, and the service does not see it.
    Answer(Box<Response<Bytes>>),
    /// What comes of this decides.
    Wait(Pending<F>),
}

impl<S, F> std::fmt::Debug for Step<S, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pass(_) => "Pass",
            Self::Answer(_) => "Answer",
            Self::Wait(_) => "Wait",
        })
    }
}

/// A policy that may have to wait before it decides.
pub trait WaitingPolicy: Send + Sync + 'static {
    /// What it remembers from the request until the answer.
    type State: Send + 'static;
    /// What it waits for.
    type Found: Send + 'static;

    /// Looks at a request before the service sees it.
    fn request<B>(&self, request: &mut Request<B>) -> Step<Self::State, Self::Found>;

    /// Looks at it again, with what was waited for.
    fn found<B>(
        &self,
        found: Self::Found,
        request: &mut Request<B>,
    ) -> Step<Self::State, Self::Found>;

    /// Looks at the service's answer before the client sees it; may change its head.
    fn response<B>(&self, state: Self::State, response: &mut Response<B>);
}

impl<P: WaitingPolicy> WaitingPolicy for Option<P> {
    type State = Option<P::State>;
    type Found = P::Found;

    fn request<B>(&self, request: &mut Request<B>) -> Step<Self::State, Self::Found> {
        match self {
            Some(policy) => some(policy.request(request)),
            None => Step::Pass(None),
        }
    }

    fn found<B>(
        &self,
        found: Self::Found,
        request: &mut Request<B>,
    ) -> Step<Self::State, Self::Found> {
        match self {
            Some(policy) => some(policy.found(found, request)),
            None => Step::Pass(None),
        }
    }

    fn response<B>(&self, state: Self::State, response: &mut Response<B>) {
        if let (Some(policy), Some(state)) = (self, state) {
            policy.response(state, response);
        }
    }
}

fn some<S, F>(step: Step<S, F>) -> Step<Option<S>, F> {
    match step {
        Step::Pass(state) => Step::Pass(Some(state)),
        Step::Answer(answer) => Step::Answer(answer),
        Step::Wait(pending) => Step::Wait(pending),
    }
}

/// Which of a pair waited.
#[derive(Debug)]
pub enum Either<O: WaitingPolicy, I: WaitingPolicy> {
    Outer(O::Found),
    /// With what the outer one remembers.
    Inner(O::State, I::Found),
}

/// The first sees a request before the second, and its answer after it.
impl<O: WaitingPolicy, I: WaitingPolicy> WaitingPolicy for (O, I) {
    type State = (O::State, I::State);
    type Found = Either<O, I>;

    fn request<B>(&self, request: &mut Request<B>) -> Step<Self::State, Self::Found> {
        let step = self.0.request(request);
        outer_then_inner(self, step, request)
    }

    fn found<B>(
        &self,
        found: Self::Found,
        request: &mut Request<B>,
    ) -> Step<Self::State, Self::Found> {
        match found {
            Either::Outer(found) => {
                let step = self.0.found(found, request);
                outer_then_inner(self, step, request)
            }
            Either::Inner(outer, found) => {
                let step = self.1.found(found, request);
                inner(&self.0, outer, step)
            }
        }
    }

    fn response<B>(&self, (outer, inner): Self::State, response: &mut Response<B>) {
        self.1.response(inner, response);
        self.0.response(outer, response);
    }
}

fn outer_then_inner<O: WaitingPolicy, I: WaitingPolicy, B>(
    pair: &(O, I),
    step: Step<O::State, O::Found>,
    request: &mut Request<B>,
) -> Step<(O::State, I::State), Either<O, I>> {
    match step {
        Step::Pass(outer) => {
            let step = pair.1.request(request);
            inner::<O, I>(&pair.0, outer, step)
        }
        Step::Answer(answer) => Step::Answer(answer),
        Step::Wait(pending) => Step::Wait(Box::pin(async { Either::Outer(pending.await) })),
    }
}

fn inner<O: WaitingPolicy, I: WaitingPolicy>(
    policy: &O,
    outer: O::State,
    step: Step<I::State, I::Found>,
) -> Step<(O::State, I::State), Either<O, I>> {
    match step {
        Step::Pass(inner) => Step::Pass((outer, inner)),
        Step::Answer(mut answer) => {
            policy.response(outer, &mut answer);
            Step::Answer(answer)
        }
        Step::Wait(pending) => Step::Wait(Box::pin(async { Either::Inner(outer, pending.await) })),
    }
}

/// A policy that never waits, among those that do.
#[derive(Debug, Clone)]
pub struct AtOnce<P>(pub P);

/// What never comes.
#[derive(Debug)]
pub enum Never {}

impl<P: Policy> WaitingPolicy for AtOnce<P>
where
    P::State: 'static,
{
    type State = P::State;
    type Found = Never;

    fn request<B>(&self, request: &mut Request<B>) -> Step<Self::State, Never> {
        match self.0.request(request) {
            Ok(state) => Step::Pass(state),
            Err(answer) => Step::Answer(answer),
        }
    }

    fn found<B>(&self, found: Never, _: &mut Request<B>) -> Step<Self::State, Never> {
        match found {}
    }

    fn response<B>(&self, state: Self::State, response: &mut Response<B>) {
        self.0.response(state, response);
    }
}

/// Applies a policy that may wait; nothing without one, at no cost to a request.
#[derive(Debug)]
pub struct WaitingLayer<P>(pub Option<Arc<P>>);

impl<P> Clone for WaitingLayer<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P, S> Layer<S> for WaitingLayer<P> {
    type Service = WaitingService<P, S>;

    fn layer(&self, inner: S) -> Self::Service {
        WaitingService { policy: self.0.clone(), inner }
    }
}

/// A service behind a policy that may wait.
#[derive(Debug)]
pub struct WaitingService<P, S> {
    policy: Option<Arc<P>>,
    inner: S,
}

impl<P, S: Clone> Clone for WaitingService<P, S> {
    fn clone(&self) -> Self {
        Self { policy: self.policy.clone(), inner: self.inner.clone() }
    }
}

impl<P, S, Q, R> Service<Request<Q>> for WaitingService<P, S>
where
    P: WaitingPolicy,
    S: Service<Request<Q>, Response = Response<R>> + Clone,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = WaitingFuture<P, S, Q, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let Some(policy) = &self.policy else {
            return WaitingFuture::Passed { inner: self.inner.call(request), after: None };
        };
        match policy.request(&mut request) {
            Step::Pass(state) => WaitingFuture::Passed {
                inner: self.inner.call(request),
                after: Some(Box::new((Arc::clone(policy), state))),
            },
            Step::Answer(answer) => WaitingFuture::Answered { answer: Some(answer) },
            Step::Wait(pending) => {
                let (policy, service) = (Arc::clone(policy), self.inner.clone());
                let waiting = Waiting { pending, policy, service, request: Some(request) };
                WaitingFuture::Waits { waiting: Box::new(waiting) }
            }
        }
    }
}

/// What a policy remembers until the answer, and the policy.
type After<P> = Option<Box<(Arc<P>, <P as WaitingPolicy>::State)>>;

/// A request that waits.
pub struct Waiting<P: WaitingPolicy, S, Q> {
    pending: Pending<P::Found>,
    policy: Arc<P>,
    service: S,
    request: Option<Request<Q>>,
}

pin_project! {
    /// The answer of a service behind a policy that may wait.
    #[project = Projected]
    pub enum WaitingFuture<P: WaitingPolicy, S, Q, F> {
        Passed { #[pin] inner: F, after: After<P> },
        Answered { answer: Option<Box<Response<Bytes>>> },
        Waits { waiting: Box<Waiting<P, S, Q>> },
    }
}

impl<P, S, Q, R> Future for WaitingFuture<P, S, Q, S::Future>
where
    P: WaitingPolicy,
    S: Service<Request<Q>, Response = Response<R>> + Clone,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project() {
                Projected::Passed { inner, after } => {
                    let mut answer = ready!(inner.poll(context));
                    if let (Ok(answer), Some(after)) = (&mut answer, after.take()) {
                        let (policy, state) = *after;
                        policy.response(state, answer);
                    }
                    return Poll::Ready(answer);
                }
                Projected::Answered { answer } => {
                    return match answer.take() {
                        Some(answer) => Poll::Ready(Ok(answer.map(R::from))),
                        None => Poll::Pending,
                    };
                }
                Projected::Waits { waiting } => {
                    let found = ready!(waiting.pending.as_mut().poll(context));
                    let Some(mut request) = waiting.request.take() else { return Poll::Pending };
                    let next = match waiting.policy.found(found, &mut request) {
                        Step::Pass(state) => Self::Passed {
                            inner: waiting.service.call(request),
                            after: Some(Box::new((Arc::clone(&waiting.policy), state))),
                        },
                        Step::Answer(answer) => Self::Answered { answer: Some(answer) },
                        Step::Wait(pending) => {
                            (waiting.pending, waiting.request) = (pending, Some(request));
                            continue;
                        }
                    };
                    self.set(next);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::{ServiceExt, service_fn};

    use super::*;

    /// Waits for as many turns as the request asks for, and refuses at the word `no`.
    struct Turns(&'static str);

    impl WaitingPolicy for Turns {
        type State = &'static str;
        type Found = usize;

        fn request<B>(&self, request: &mut Request<B>) -> Step<&'static str, usize> {
            let turns = request.uri().path().matches(self.0).count();
            self.found(turns, request)
        }

        fn found<B>(&self, left: usize, request: &mut Request<B>) -> Step<&'static str, usize> {
            if left > 0 {
                return Step::Wait(Box::pin(async move {
                    tokio::task::yield_now().await;
                    left - 1
                }));
            }
            if request.uri().query() == Some(self.0) {
                return Step::Answer(Box::default());
            }
            request.headers_mut().append("seen", self.0.parse().expect("a letter"));
            Step::Pass(self.0)
        }

        fn response<B>(&self, state: &'static str, response: &mut Response<B>) {
            response.headers_mut().append("seen", state.parse().expect("a letter"));
        }
    }

    async fn ask(target: &str) -> (String, String) {
        let service = service_fn(|request: Request<()>| async move {
            let seen =
                format!("{:?}", request.headers().get_all("seen").iter().collect::<Vec<_>>());
            Ok::<_, Infallible>(Response::new(Bytes::from(seen)))
        });
        let policy = (Turns("a"), Some((Turns("b"), None::<Turns>)));
        let service = WaitingLayer(Some(Arc::new(policy))).layer(service);
        let request = Request::get(target).body(()).expect("sound");
        let answer = service.oneshot(request).await.expect("it answers");
        let seen = format!("{:?}", answer.headers().get_all("seen").iter().collect::<Vec<_>>());
        (String::from_utf8_lossy(answer.body()).into_owned(), seen)
    }

    #[tokio::test]
    async fn a_pair_is_the_first_around_the_second_however_long_either_waits() {
        for target in ["/", "/a", "/bb", "/aabbb"] {
            let (request, answer) = ask(target).await;
            assert_eq!(request, r#"["a", "b"]"#, "{target}");
            assert_eq!(answer, r#"["b", "a"]"#, "{target}");
        }
        for target in ["/aabb?b", "/?b"] {
            let (request, answer) = ask(target).await;
            assert_eq!((request.as_str(), answer.as_str()), ("", r#"["a"]"#), "{target}");
        }
        assert_eq!(ask("/a?a").await.1, "[]");
    }
}
