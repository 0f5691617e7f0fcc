//! Responses that the service compressed although the edge asked for identity: passed through when
//! the client accepts them or decoding would be wrong, otherwise decoded.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, ETAG};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_service::Service;

/// A mark on requests of clients that read gzip.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadsGzip;

/// A mark on answers that stay as the service packed them: with which coding.
#[derive(Debug, Clone)]
pub(crate) struct Kept(HeaderValue);

/// Asks the service for its answer as it is: further out is where it is compressed.
#[derive(Debug, Clone)]
pub struct Plain<S> {
    pub(crate) inner: S,
}

impl<S, Q, R> Service<Request<Q>> for Plain<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = PlainFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let identity = HeaderValue::from_static("identity");
        request.headers_mut().insert(ACCEPT_ENCODING, identity);
        PlainFuture { inner: self.inner.call(request) }
    }
}

pin_project! {
    /// The answer, which says again how it is packed where it was kept.
    #[derive(Debug)]
    pub struct PlainFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F, R, E> Future for PlainFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let mut answer = ready!(self.project().inner.poll(context));
        if let Ok(answer) = &mut answer
            && let Some(Kept(coding)) = answer.extensions().get::<Kept>().cloned()
        {
            answer.headers_mut().insert(CONTENT_ENCODING, coding);
        }
        Poll::Ready(answer)
    }
}

/// Hides from the unpacking what it must not touch.
#[derive(Debug, Clone)]
pub struct Own<S> {
    pub(crate) inner: S,
}

impl<S, Q, R> Service<Request<Q>> for Own<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = OwnFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let reads = request.extensions().get::<ReadsGzip>().is_some();
        let head = *request.method() == Method::HEAD;
        OwnFuture { inner: self.inner.call(request), reads, head }
    }
}

pin_project! {
    /// The answer of the service.
    #[derive(Debug)]
    pub struct OwnFuture<F> {
        #[pin]
        inner: F,
        reads: bool,
        head: bool,
    }
}

impl<F, R, E> Future for OwnFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut answer = ready!(this.inner.poll(context));
        if let Ok(answer) = &mut answer
            && let Some(coding) = answer.headers().get(CONTENT_ENCODING).cloned()
        {
            // A part cannot be unpacked, and nothing has nothing in it.
            let part = answer.headers().contains_key(CONTENT_RANGE);
            let nothing = *this.head || answer.status() == StatusCode::NOT_MODIFIED;
            let readable = *this.reads && coding == "gzip";
            if part || nothing || readable {
                answer.headers_mut().remove(CONTENT_ENCODING);
                answer.extensions_mut().insert(Kept(coding));
            } else if coding == "gzip" || coding == "deflate" {
                unpacked(answer.headers_mut());
            }
        }
        Poll::Ready(answer)
    }
}

/// What is unpacked is another representation: it has no parts, and its tag says nothing of bytes.
fn unpacked(headers: &mut HeaderMap) {
    headers.remove(ACCEPT_RANGES);
    for name in crate::compression::DIGESTS {
        headers.remove(name);
    }
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    if let Some(tag) = tag.filter(|tag| !tag.starts_with("W/"))
        && let Ok(weak) = HeaderValue::from_str(&format!("W/{tag}"))
    {
        headers.insert(ETAG, weak);
    }
}
