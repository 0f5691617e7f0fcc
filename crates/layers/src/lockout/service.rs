//! Stands before the service: reads who logs in, asks whether they may, and looks at what comes of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::known::May;
use super::{Inner, LockoutRule, Lockouts};
use crate::refusal::Refusal;
use crate::route_pattern::AskedFor;

/// The largest body of a log-in, in bytes, and of an answer that is looked into.
const LARGEST: usize = 64 * 1024;
/// The longest time for such a body to come.
const WITHIN: Duration = Duration::from_secs(10);

/// Guards log-ins; nothing without any.
#[derive(Debug, Clone, Default)]
pub struct LockoutLayer(pub Option<Lockouts>);

impl<S> Layer<S> for LockoutLayer {
    type Service = LockoutService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LockoutService { lockouts: self.0.clone(), inner }
    }
}

/// A service whose log-ins are guarded.
#[derive(Debug, Clone)]
pub struct LockoutService<S> {
    lockouts: Option<Lockouts>,
    inner: S,
}

type Guarded<T> = Pin<Box<dyn Future<Output = T> + Send>>;

pin_project! {
    /// The answer of a service whose log-ins are guarded.
    #[project = Projected]
    pub enum LockoutFuture<F, T> {
        Passed { #[pin] inner: F },
        Guarded { guarded: Guarded<T> },
    }
}

impl<F: Future<Output = T>, T> Future for LockoutFuture<F, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        match self.project() {
            Projected::Passed { inner } => inner.poll(context),
            Projected::Guarded { guarded } => guarded.as_mut().poll(context),
        }
    }
}

impl<S, Q, R> Service<Request<Q>> for LockoutService<S>
where
    S: Service<Request<Q>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    Q: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    Q::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: Body<Data = Bytes> + From<Bytes> + Send + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = LockoutFuture<S::Future, Result<Response<R>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let Some(Lockouts(inner)) = &self.lockouts else {
            return LockoutFuture::Passed { inner: self.inner.call(request) };
        };
        let asked = AskedFor::of(&request);
        let Some(at) = inner.rules.iter().position(|rule| rule.route.matches(&asked)) else {
            return LockoutFuture::Passed { inner: self.inner.call(request) };
        };
        let (guard, service) = (Arc::clone(inner), self.inner.clone());
        LockoutFuture::Guarded { guarded: Box::pin(guarded(guard, at, service, request)) }
    }
}

async fn guarded<S, Q, R>(
    guard: Arc<Inner>,
    at: usize,
    mut service: S,
    request: Request<Q>,
) -> Result<Response<R>, S::Error>
where
    S: Service<Request<Q>, Response = Response<R>>,
    Q: Body<Data = Bytes> + From<Bytes>,
    Q::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: Body<Data = Bytes> + From<Bytes>,
{
    let rule = &guard.rules[at];
    let (head, body) = request.into_parts();
    let reading = tokio::time::timeout(WITHIN, Limited::new(body, LARGEST).collect());
    let body = match reading.await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Ok(answer(unread(StatusCode::PAYLOAD_TOO_LARGE))),
        Err(_) => return Ok(answer(unread(StatusCode::REQUEST_TIMEOUT))),
    };
    let client = (guard.client)(&head.headers);
    let mut accounts = rule.account.find(&head.headers, &body);
    if accounts.is_empty() {
        // Written in a way that is not known here, it is still somebody who guesses.
        accounts.push(format!("from {client}"));
    }
    for (number, account) in accounts.iter().enumerate() {
        let may = guard.known.begin(&rule.name, account, &rule.patience).await;
        if may == May::Try {
            continue;
        }
        for begun in &accounts[..number] {
            guard.known.take_back(&rule.name, begun).await;
        }
        return Ok(answer(refusal(rule, may)));
    }
    let answered = service.call(Request::from_parts(head, Q::from(body))).await;
    let (came, answered) = match answered {
        Ok(answered) => outcome(rule, answered).await,
        Err(error) => (Outcome::Neither, Err(error)),
    };
    for account in &accounts {
        match came {
            Outcome::Right => guard.known.clear(&rule.name, account).await,
            Outcome::Neither => guard.known.take_back(&rule.name, account).await,
            Outcome::Wrong => {
                if guard.sprays.note(&client, account) {
                    (guard.say)(&format!(
                        "{}: log-ins to many accounts fail from {client}; somebody may be guessing",
                        rule.name
                    ));
                }
            }
        }
    }
    answered
}

fn answer<R: From<Bytes>>(refusal: Refusal) -> Response<R> {
    refusal.answer().map(R::from)
}

fn unread(status: StatusCode) -> Refusal {
    let message = "expected a log-in of at most 64 KiB, within 10 s";
    Refusal::new(status, "login_unread", message)
}

fn refusal(rule: &LockoutRule, may: May) -> Refusal {
    let May::Later(wait) = may else {
        let message = "log-ins cannot be counted at the moment";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Refusal::new(status, "lockout_unavailable", message).retry_after(1);
    };
    let seconds = u32::try_from(wait.div_ceil(1000)).unwrap_or(u32::MAX);
    let message = format!("too many failed log-ins to this account; try again in {seconds} s");
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "account_locked", message)
        .rule(rule.name.clone())
        .retry_after(seconds)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Right,
    Wrong,
    /// The service failed, or did not like the request at all.
    Neither,
}

/// What came of a log-in, by its answer.
async fn outcome<R, E>(rule: &LockoutRule, answer: Response<R>) -> (Outcome, Result<Response<R>, E>)
where
    R: Body<Data = Bytes> + From<Bytes>,
{
    let status = answer.status();
    let location = answer.headers().get(LOCATION).map(|value| value.as_bytes().to_vec());
    let sent_away = rule.failed_location.as_ref().is_some_and(|part| {
        location.is_some_and(|location| String::from_utf8_lossy(&location).contains(part))
    });
    if rule.failed.contains(&status) || sent_away {
        return (Outcome::Wrong, Ok(answer));
    }
    let usual = if status.is_success() || status.is_redirection() {
        Outcome::Right
    } else {
        Outcome::Neither
    };
    let small = answer.body().size_hint().upper().is_some_and(|most| most <= LARGEST as u64);
    let Some(text) = rule.failed_text.as_ref().filter(|_| small) else {
        return (usual, Ok(answer));
    };
    let (head, body) = answer.into_parts();
    let Ok(body) = body.collect().await else {
        let message = "the service broke off";
        let refusal = Refusal::new(StatusCode::BAD_GATEWAY, "bad_gateway", message);
        return (Outcome::Neither, Ok(self::answer(refusal)));
    };
    let body = body.to_bytes();
    let wrong = body.windows(text.len().max(1)).any(|part| part == text.as_bytes());
    let came = if wrong { Outcome::Wrong } else { usual };
    (came, Ok(Response::from_parts(head, R::from(body))))
}
