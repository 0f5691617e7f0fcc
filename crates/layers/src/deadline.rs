//! No request waits for ever: the head of the answer comes within a limit, or 504 does. While it is
//! known why nothing comes, the limit is shorter and the answer says "try again later".
//!
//! The limit is the service's. Its time stands still while the service waits for the client, so a
//! large upload over a slow line costs it nothing; what bounds that is [`crate::BodyLimits`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower_layer::Layer;
use tower_service::Service;

use crate::alarm::{Alarm, Alarms};
use crate::refusal::Refusal;
use crate::timed_body::{Clock, TimedBody};

/// How long the head of an answer may take, without the time for which the client kept the service
/// waiting for the body of its request.
#[derive(Clone)]
pub struct Deadline {
    limit: Duration,
    outage: Option<Outage>,
}

#[derive(Clone)]
struct Outage {
    limit: Duration,
    is_known: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shorter = self.outage.as_ref().map(|outage| outage.limit);
        f.debug_struct("Deadline").field("limit", &self.limit).field("outage", &shorter).finish()
    }
}

/// How often a waiting request looks again whether an outage is known by now.
const LOOK: Duration = Duration::from_millis(100);

impl Deadline {
    pub fn new(limit: Duration) -> Self {
        Self { limit, outage: None }
    }

    /// While an outage is known, the limit is this one and the answer 503.
    #[must_use]
    pub fn during(
        mut self,
        limit: Duration,
        is_known: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Self {
        self.outage = Some(Outage { limit, is_known: Arc::new(is_known) });
        self
    }

    fn first(&self) -> Duration {
        self.outage.as_ref().map_or(self.limit, |outage| outage.limit.min(self.limit))
    }

    /// What to do after this time: refuse, or wait so much longer.
    fn after(&self, waited: Duration) -> Result<Duration, Refusal> {
        if let Some(outage) = &self.outage
            && waited >= outage.limit
            && (outage.is_known)()
        {
            let message = "something that this request needs is away";
            return Err(Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "dependency_unavailable",
                message,
            )
            .retry_after(5));
        }
        match self.limit.checked_sub(waited) {
            Some(left) if !left.is_zero() => {
                Ok(if self.outage.is_some() { left.min(LOOK) } else { left })
            }
            _ => {
                let message = "the service did not answer in time";
                Err(Refusal::new(StatusCode::GATEWAY_TIMEOUT, "timeout", message))
            }
        }
    }
}

/// Bounds the time to the head of an answer; `None` does nothing.
#[derive(Debug, Clone, Default)]
pub struct DeadlineLayer(pub Option<Deadline>);

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { deadline: self.0.clone().map(Arc::new), alarms: Alarms::default(), inner }
    }
}

/// A service that is not waited for without end.
#[derive(Debug, Clone)]
pub struct DeadlineService<S> {
    deadline: Option<Arc<Deadline>>,
    alarms: Alarms,
    inner: S,
}

impl<S, Q, R> Service<Request<Q>> for DeadlineService<S>
where
    S: Service<Request<TimedBody<Q>>, Response = Response<R>>,
    Q: Body,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let deadline = self.deadline.clone();
        // What has no body, or no limit, needs no clock.
        let timed = deadline.is_some() && !request.body().is_end_stream();
        let clock = timed.then(Arc::<Clock>::default);
        let request = request.map(|body| TimedBody::new(body, clock.clone()));
        let inner = self.inner.call(request);
        let waiting = Waiting { deadline, clock, began: None, alarms: self.alarms.clone() };
        DeadlineFuture { inner, waiting, alarm: None }
    }
}

pin_project! {
    /// The answer, or a refusal when its time is up.
    pub struct DeadlineFuture<F> {
        #[pin]
        inner: F,
        waiting: Waiting,
        // Only a request that is not answered at once needs a timer.
        alarm: Option<Alarm>,
    }
}

struct Waiting {
    deadline: Option<Arc<Deadline>>,
    clock: Option<Arc<Clock>>,
    began: Option<Instant>,
    alarms: Alarms,
}

impl Waiting {
    /// Waits on, or says why not.
    fn poll(&mut self, alarm: &mut Option<Alarm>, context: &mut Context<'_>) -> Poll<Refusal> {
        let Some(deadline) = &self.deadline else { return Poll::Pending };
        let began = *self.began.get_or_insert_with(Instant::now);
        let alarm = alarm.get_or_insert_with(|| self.alarms.at(began + deadline.first()));
        while Pin::new(&mut *alarm).poll(context).is_ready() {
            let waited = match &self.clock {
                Some(clock) => clock.since(began),
                None => began.elapsed(),
            };
            match deadline.after(waited) {
                Err(refusal) => return Poll::Ready(refusal),
                Ok(left) => alarm.reset(Instant::now() + left),
            }
        }
        Poll::Pending
    }
}

impl<F, R, E> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(answer) = this.inner.poll(context) {
            return Poll::Ready(answer);
        }
        let refusal = this.waiting.poll(this.alarm, context);
        refusal.map(|refusal| Ok(refusal.answer().map(R::from)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_outage_shortens_the_limit() {
        let plain = Deadline::new(Duration::from_secs(30));
        assert_eq!(plain.first(), Duration::from_secs(30));
        assert_eq!(plain.after(Duration::from_secs(30)).expect_err("late").status, 504);
        let known = plain.clone().during(Duration::from_secs(2), || true);
        assert_eq!(known.first(), Duration::from_secs(2));
        assert_eq!(known.after(Duration::from_secs(2)).expect_err("away").status, 503);
        let unknown = plain.during(Duration::from_secs(2), || false);
        assert_eq!(unknown.after(Duration::from_secs(2)), Ok(LOOK));
        assert_eq!(unknown.after(Duration::from_secs(31)).expect_err("late").status, 504);
    }
}
