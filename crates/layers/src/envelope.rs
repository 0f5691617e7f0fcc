//! Every error has one shape, and leaks nothing: what a service or its framework answers otherwise
//! is rewritten, and stack traces never pass.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Collected, Limited};
use pin_project_lite::pin_project;
use serde_json::{Map, Value};
use tower_layer::Layer;
use tower_service::Service;

use crate::refusal::{Kept, Refusal};

/// The shape of errors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Shape {
    /// `application/problem+json` (RFC 9457).
    #[default]
    Problem,
    /// A JSON object with at least these members. `status`, `code`, `message`, `request_id` and
    /// their usual other names are filled in; others are null.
    Json(Vec<String>),
}

type IsPage = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// How errors are rewritten.
#[derive(Clone, Default)]
pub struct Envelope {
    pub shape: Shape,
    /// Members that a problem has beside its own (RFC 9457, 3.2).
    also: Vec<String>,
    pages: Option<IsPage>,
    ids: Option<HeaderName>,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("shape", &self.shape).finish_non_exhaustive()
    }
}

/// The longest error that is read; a longer one is replaced.
const LONGEST: usize = 64 * 1024;
/// An error that does not end by then is replaced, too.
const READ_WITHIN: Duration = Duration::from_secs(2);

/// What only the inside of a service shows. Kept apart from what the prover looks for, so that
/// neither can hide a gap of the other.
const INSIDE: &[&str] = &[
    "Traceback (most recent call last)",
    "    at ",
    "\\n    at ",
    "\tat ",
    "panicked at",
    "goroutine ",
    "node_modules/",
    "/site-packages/",
    "org.springframework",
    "java.lang.",
    "System.NullReferenceException",
    "SQLSTATE",
    "PG::",
    "psycopg",
    "ORA-0",
    "syntax error at or near",
    "violates unique constraint",
    "violates foreign key",
    "duplicate key value",
    "ECONNREFUSED",
    "stack_trace",
    "stackTrace",
];

impl Envelope {
    pub fn new(shape: Shape) -> Self {
        Self { shape, ..Self::default() }
    }

    /// Adds members to problems, filled in as those of [`Shape::Json`] are.
    #[must_use]
    pub fn also(mut self, fields: impl IntoIterator<Item = String>) -> Self {
        self.also.extend(fields);
        self
    }

    /// Which header of a request holds its id, as [`crate::Correlation`] has set it.
    #[must_use]
    pub fn ids(mut self, header: Option<HeaderName>) -> Self {
        self.ids = header;
        self
    }

    /// Paths for which this function says yes answer people: their pages of errors are kept, as
    /// long as they leak nothing.
    #[must_use]
    pub fn pages(mut self, is_page: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.pages = Some(Arc::new(is_page));
        self
    }

    fn serves_page<B>(&self, request: &Request<B>) -> bool {
        let declared = self.pages.as_ref().is_some_and(|is_page| is_page(request.uri().path()));
        let accept = request.headers().get(ACCEPT).map_or(&b""[..], HeaderValue::as_bytes);
        declared && accept.windows(9).any(|word| word == b"text/html")
    }

    /// The body of an error in this shape.
    pub fn body(&self, refusal: &Refusal, id: Option<&HeaderValue>) -> (HeaderValue, Vec<u8>) {
        let (kind, mut body) = match &self.shape {
            Shape::Problem => ("application/problem+json", refusal.problem_details()),
            Shape::Json(_) => ("application/json", Map::new()),
        };
        for field in self.fields() {
            if !body.contains_key(field) {
                body.insert(field.clone(), member(field, refusal, id));
            }
        }
        (HeaderValue::from_static(kind), Value::Object(body).to_string().into_bytes())
    }

    /// The members that were asked for.
    fn fields(&self) -> &[String] {
        match &self.shape {
            Shape::Problem => &self.also,
            Shape::Json(fields) => fields,
        }
    }

    /// Whether a service's own error may pass as it is.
    fn is_sound(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
        let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let problem = kind.starts_with(b"application/problem+json");
        if !problem && (self.shape == Shape::Problem || !kind.starts_with(b"application/json")) {
            return false;
        }
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return false };
        let stated = ["status", "statusCode"].iter().find_map(|name| members.get(*name)?.as_u64());
        let agrees = stated.is_none_or(|stated| stated == u64::from(status.as_u16()));
        let whole = self.fields().iter().all(|field| members.contains_key(field));
        agrees && whole && !leaks(body) && !members.iter().any(|(n, v)| shows(n) || tells(v))
    }
}

fn leaks(body: &[u8]) -> bool {
    shows(&String::from_utf8_lossy(body))
}

fn shows(text: &str) -> bool {
    INSIDE.iter().any(|inside| text.contains(inside))
}

/// Whether any text within a value shows the inside. In the bytes it may be written with escapes:
/// `node_modules\/`.
fn tells(value: &Value) -> bool {
    match value {
        Value::String(text) => shows(text),
        Value::Array(all) => all.iter().any(tells),
        Value::Object(all) => all.iter().any(|(name, value)| shows(name) || tells(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn member(field: &str, refusal: &Refusal, id: Option<&HeaderValue>) -> Value {
    let id = id.and_then(|id| id.to_str().ok());
    match field.to_ascii_lowercase().replace(['_', '-'], "").as_str() {
        "status" | "statuscode" => refusal.status.as_u16().into(),
        "code" | "errorcode" | "type" => refusal.code.as_ref().into(),
        "message" | "error" | "detail" | "title" => refusal.message.as_ref().into(),
        "requestid" | "correlationid" | "traceid" => id.map_or(Value::Null, Value::from),
        "timestamp" | "time" => format!("{:.3}", jiff::Timestamp::now()).into(),
        "success" | "ok" => false.into(),
        _ => Value::Null,
    }
}

/// What is kept of a service's own error: a word and a sentence for the client's own mistakes, as
/// long as they show nothing of the inside.
fn refusal_of(status: StatusCode, body: &[u8]) -> Refusal {
    let reason = status.canonical_reason().unwrap_or("something went wrong");
    let mut refusal = Refusal::new(status, Refusal::code_of(status), reason);
    if status.is_server_error() || leaks(body) {
        return refusal;
    }
    let Ok(Value::Object(members)) = serde_json::from_slice::<Value>(body) else { return refusal };
    if members.iter().any(|(name, value)| shows(name) || tells(value)) {
        return refusal;
    }
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| members.get(*name)?.as_str());
        found.filter(|text| !text.is_empty() && text.len() <= 300).map(str::to_owned)
    };
    if let Some(code) = text(&["code", "errorCode"]) {
        refusal.code = code.into();
    }
    if let Some(message) = text(&["message", "detail", "error", "title"]) {
        refusal.message = message.into();
    }
    refusal
}

/// Rewrites errors; `None` does nothing.
#[derive(Debug, Clone, Default)]
pub struct EnvelopeLayer(pub Option<Envelope>);

impl<S> Layer<S> for EnvelopeLayer {
    type Service = EnvelopeService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        EnvelopeService { envelope: self.0.clone().map(Arc::new), inner }
    }
}

/// A service whose errors have one shape.
#[derive(Debug, Clone)]
pub struct EnvelopeService<S> {
    envelope: Option<Arc<Envelope>>,
    inner: S,
}

impl<S, Q, R> Service<Request<Q>> for EnvelopeService<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
    R: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = EnvelopeFuture<S::Future, R>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let asked = self.envelope.as_ref().map(|envelope| Asked {
            page: envelope.serves_page(&request),
            id: envelope.ids.as_ref().and_then(|id| request.headers().get(id)).cloned(),
            envelope: Arc::clone(envelope),
        });
        EnvelopeFuture::Waiting { inner: self.inner.call(request), asked }
    }
}

struct Asked {
    page: bool,
    id: Option<HeaderValue>,
    envelope: Arc<Envelope>,
}

type Rewriting<R> = Pin<Box<dyn Future<Output = Response<R>> + Send>>;

pin_project! {
    /// The answer; an error is read whole before it goes on.
    #[project = Projected]
    pub enum EnvelopeFuture<F, R> {
        Waiting { #[pin] inner: F, asked: Option<Asked> },
        Rewriting { rewriting: Rewriting<R> },
    }
}

impl<F, R, E> Future for EnvelopeFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Output = Result<Response<R>, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project() {
                Projected::Waiting { inner, asked } => {
                    let answer = match ready!(inner.poll(context)) {
                        Ok(answer) => answer,
                        Err(error) => return Poll::Ready(Err(error)),
                    };
                    let status = answer.status();
                    let fails = status.is_client_error() || status.is_server_error();
                    match asked.take() {
                        Some(asked) if fails && answer.extensions().get::<Kept>().is_none() => {
                            Box::pin(rewrite(asked, answer))
                        }
                        _ => return Poll::Ready(Ok(answer)),
                    }
                }
                Projected::Rewriting { rewriting } => {
                    return rewriting.as_mut().poll(context).map(Ok);
                }
            };
            self.set(Self::Rewriting { rewriting: next });
        }
    }
}

async fn rewrite<R>(asked: Asked, answer: Response<R>) -> Response<R>
where
    R: Body<Data = Bytes> + From<Bytes>,
    R::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let envelope = &asked.envelope;
    let (mut head, body) = answer.into_parts();
    let known = head.extensions.get::<Refusal>().cloned();
    let refusal = match known {
        Some(refusal) => refusal,
        None => {
            let read =
                tokio::time::timeout(READ_WITHIN, Limited::new(body, LONGEST).collect()).await;
            let bytes = read.ok().and_then(Result::ok).map(Collected::to_bytes).unwrap_or_default();
            let readable = !head.headers.contains_key(CONTENT_ENCODING);
            let page = asked.page && is_page(&head.headers) && !leaks(&bytes);
            if readable && (page || envelope.is_sound(head.status, &head.headers, &bytes)) {
                return Response::from_parts(head, R::from(bytes));
            }
            refusal_of(head.status, &bytes)
        }
    };
    let (kind, text) = envelope.body(&refusal, asked.id.as_ref());
    for name in [CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING] {
        head.headers.remove(name);
    }
    for name in crate::compression::DIGESTS {
        head.headers.remove(name);
    }
    head.headers.insert(CONTENT_TYPE, kind);
    Response::from_parts(head, R::from(Bytes::from(text)))
}

fn is_page(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json() -> HeaderMap {
        [(CONTENT_TYPE, HeaderValue::from_static("application/json"))].into_iter().collect()
    }

    #[test]
    fn sound_errors_pass_and_others_do_not() {
        let fields = ["status", "code", "message"].map(str::to_owned).to_vec();
        let envelope = Envelope::new(Shape::Json(fields));
        let sound = |status: u16, body: &str| {
            let status = StatusCode::from_u16(status).expect("valid");
            envelope.is_sound(status, &json(), body.as_bytes())
        };
        assert!(sound(404, r#"{"status":404,"code":"a","message":"b","more":1}"#));
        assert!(!sound(404, r#"{"status":400,"code":"a","message":"b"}"#));
        assert!(!sound(404, r#"{"status":404,"code":"a"}"#));
        assert!(!sound(500, r#"{"status":500,"code":"a","message":"x\n    at f (a.js:1)"}"#));
        assert!(!sound(404, "Not Found") && !sound(404, ""));
        let problem = Envelope::new(Shape::Problem).also(["message".to_owned()]);
        let (_, body) = problem.body(&Refusal::new(StatusCode::NOT_FOUND, "gone", "it is"), None);
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((&body["detail"], &body["message"]), (&"it is".into(), &"it is".into()));
        for escaped in [r"node_modules\/x", r"SQLSTAT\u0045 1"] {
            let body = format!(r#"{{"status":404,"code":"a","message":"{escaped}"}}"#);
            assert!(!sound(404, &body), "{escaped}");
            let kept = refusal_of(StatusCode::NOT_FOUND, body.as_bytes());
            assert_eq!(kept.message, "Not Found");
        }
    }

    #[test]
    fn a_clients_mistake_keeps_its_words_and_a_servers_does_not() {
        let body = br#"{"code":"bad_order","message":"no such item"}"#;
        let kept = refusal_of(StatusCode::BAD_REQUEST, body);
        assert_eq!((kept.code.as_ref(), kept.message.as_ref()), ("bad_order", "no such item"));
        let hidden = refusal_of(StatusCode::INTERNAL_SERVER_ERROR, body);
        assert_eq!(hidden.code, "internal_server_error");
        let leaky = refusal_of(StatusCode::CONFLICT, br#"{"message":"duplicate key value x"}"#);
        assert_eq!(leaky.message, "Conflict");
    }
}
