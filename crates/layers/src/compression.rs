//! Text is compressed where the client can read it; what a service compresses unasked is unpacked
//! again for those who cannot. The work is `tower-http`'s; which answers is decided here.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH,
    IF_RANGE, RANGE,
};
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version,
};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_http::compression::predicate::{And, Predicate, SizeAbove};
use tower_http::compression::{Compression, CompressionBody};
use tower_http::decompression::{Decompression, DecompressionBody};
use tower_layer::Layer;
use tower_service::Service;

use crate::list;
use crate::pre_encoded::{Kept, Own, Plain, ReadsGzip};

/// What is worth compressing.
pub type Worth = And<SizeAbove, fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool>;

/// What is worth it: more than 256 bytes of text that may be changed on its way, and no stream of
/// events.
fn worth() -> Worth {
    SizeAbove::new(256).and(is_text)
}

fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let text = kind.starts_with("text/") && kind != "text/event-stream";
    let known = ["json", "xml", "javascript", "x-ndjson", "wasm", "graphql-response", "manifest"];
    let spoken = kind.strip_prefix("application/").or(kind.strip_prefix("image/svg+"));
    let named = spoken.is_some_and(|kind| known.iter().any(|known| kind.ends_with(known)));
    (text || named) && !forbids(headers)
}

/// Whether nobody on the way may change the answer (RFC 9111, 5.2.2.6).
fn forbids(headers: &HeaderMap) -> bool {
    list::has(headers, &CACHE_CONTROL, "no-transform")
        || DIGESTS.iter().any(|name| headers.contains_key(*name))
}

/// Digests of the bytes as the service sent them (RFC 9530, RFC 1864): who changes a body must not
/// leave them.
pub(crate) const DIGESTS: [&str; 3] = ["content-digest", "content-md5", "digest"];

/// The body of a compressed answer.
pub type Compressed<B> = CompressionBody<DecompressionBody<B>>;

/// Compresses answers with gzip.
#[derive(Debug, Clone, Copy, Default)]
pub struct CompressionLayer;

impl<S> Layer<S> for CompressionLayer {
    type Service = CompressionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        let plain = Plain { inner: Decompression::new(Own { inner }) };
        CompressionService { inner: Compression::new(plain).compress_when(worth()) }
    }
}

/// A service whose answers are compressed. A packed answer is another representation, so its tag
/// is another one too, or a range of the one could be put into the other: `"a"` becomes `"a~gzip"`,
/// and is `"a"` again where a client sends it back.
#[derive(Clone)]
pub struct CompressionService<S> {
    inner: Inner<S>,
}

impl<S> fmt::Debug for CompressionService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompressionService").finish_non_exhaustive()
    }
}

type Inner<S> = Compression<Plain<Decompression<Own<S>>>, Worth>;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const MARK: &str = "~gzip\"";

impl<S, Q, R> Service<Request<Q>> for CompressionService<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
    R: Body,
    R::Error: Into<BoxError>,
{
    type Response = Response<Compressed<R>>;
    type Error = S::Error;
    type Future = CompressionFuture<<Inner<S> as Service<Request<Q>>>::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let headers = request.headers_mut();
        // Either gzip or nothing: who can read neither gets it as it is, and no 406.
        if reads_gzip(headers) {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            request.extensions_mut().insert(ReadsGzip);
        } else {
            drop(headers.remove(ACCEPT_ENCODING));
        }
        let headers = request.headers_mut();
        let mut packed = false;
        for name in [IF_NONE_MATCH, IF_MATCH] {
            packed |= unmark(headers, &name);
        }
        // A part of the packed one cannot be had: the whole is sent.
        if headers.get(IF_RANGE).is_some_and(|tag| tag.as_bytes().ends_with(MARK.as_bytes())) {
            headers.remove(IF_RANGE);
            headers.remove(RANGE);
        }
        CompressionFuture { inner: self.inner.call(request), packed }
    }
}

/// Whether a client reads gzip.
fn reads_gzip(headers: &HeaderMap) -> bool {
    let weight = |wanted: &str| {
        let all = list::members(headers, &ACCEPT_ENCODING);
        all.filter_map(|one| std::str::from_utf8(one).ok()).find_map(|one| {
            let (name, more) = one.split_once(';').unwrap_or((one, ""));
            let weight = more.trim().strip_prefix("q=").map_or(Some(1.0), |q| q.parse().ok());
            name.trim().eq_ignore_ascii_case(wanted).then_some(weight.unwrap_or(0.0))
        })
    };
    let weight: Option<f32> = weight("gzip").or_else(|| weight("*"));
    weight.is_some_and(|weight| weight > 0.0)
}

/// Gives tags their own form again. Returns whether there was one of a packed answer.
fn unmark(headers: &mut HeaderMap, name: &HeaderName) -> bool {
    let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) else { return false };
    let own = value.replace(MARK, "\"");
    if own == value {
        return false;
    }
    if let Ok(own) = HeaderValue::from_str(&own) {
        headers.insert(name, own);
    }
    true
}

/// Says in its tag that an answer is packed. A weak tag says nothing of bytes.
fn mark(headers: &mut HeaderMap) {
    let tag = headers.get(ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or("");
    if let Some(open) = tag.strip_suffix('"').filter(|_| tag.starts_with('"'))
        && let Ok(tag) = HeaderValue::from_str(&format!("{open}{MARK}"))
    {
        headers.insert(ETAG, tag);
    }
}

pin_project! {
    /// The answer, with the tag of what it is.
    #[derive(Debug)]
    pub struct CompressionFuture<F> {
        #[pin]
        inner: F,
        packed: bool,
    }
}

impl<F, B, E> Future for CompressionFuture<F>
where
    F: Future<Output = Result<Response<Compressed<B>>, E>>,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut answer = ready!(this.inner.poll(context));
        if let Ok(answer) = &mut answer {
            let same = *this.packed && answer.status() == StatusCode::NOT_MODIFIED;
            let own = answer.extensions().get::<Kept>().is_some();
            if same || (answer.headers().contains_key(CONTENT_ENCODING) && !own) {
                mark(answer.headers_mut());
            }
        }
        Poll::Ready(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        [(name, HeaderValue::from_static(value))].into_iter().collect()
    }

    #[test]
    fn what_says_how_its_bytes_are_is_left_alone() {
        let forbidden = |name: &str, value: &str| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            forbids(&[(name, HeaderValue::from_str(value).expect("text"))].into_iter().collect())
        };
        assert!(forbidden("cache-control", "public, No-Transform"));
        assert!(forbidden("content-digest", "sha-256=:x:") && forbidden("content-md5", "x"));
        assert!(!forbidden("cache-control", "no-transformers"));
    }

    #[test]
    fn who_reads_gzip() {
        for (value, reads) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("*", true),
            ("*;q=0", false),
            ("gzip; q=0, *", false),
            ("identity;q=0", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(reads_gzip(&headers(ACCEPT_ENCODING, value)), reads, "{value}");
        }
    }

    #[test]
    fn text_is_worth_it() {
        for (kind, worth) in [
            ("text/html; charset=utf-8", true),
            ("application/json", true),
            ("application/problem+json", true),
            ("image/svg+xml", true),
            ("text/event-stream", false),
            ("image/png", false),
            ("video/mp4", false),
            ("application/zip", false),
        ] {
            let headers = headers(CONTENT_TYPE, kind);
            let is = is_text(StatusCode::OK, Version::HTTP_11, &headers, &Extensions::new());
            assert_eq!(is, worth, "{kind}");
        }
    }

    #[test]
    fn a_tag_says_what_it_is_of_and_comes_back() {
        let mut answer = headers(ETAG, "\"a\"");
        mark(&mut answer);
        assert_eq!(answer[ETAG], "\"a~gzip\"");
        let mut request = headers(IF_NONE_MATCH, "\"a~gzip\", W/\"b\"");
        assert!(unmark(&mut request, &IF_NONE_MATCH));
        assert_eq!(request[IF_NONE_MATCH], "\"a\", W/\"b\"");
        let mut weak = headers(ETAG, "W/\"a\"");
        mark(&mut weak);
        assert_eq!(weak[ETAG], "W/\"a\"");
    }
}
