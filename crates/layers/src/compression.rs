//! Text is compressed where the client can read it; what a service compresses unasked is unpacked
//! again. The work is `tower-http`'s; which answers is decided here.

use std::task::{Context, Poll};

use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use tower_http::compression::predicate::{And, NotForContentType, Predicate, SizeAbove};
use tower_http::compression::{Compression, CompressionBody};
use tower_http::decompression::{Decompression, DecompressionBody};
use tower_layer::Layer;
use tower_service::Service;

/// What is worth compressing.
pub type Worth = And<
    And<And<And<SizeAbove, NotForContentType>, NotForContentType>, NotForContentType>,
    NotForContentType,
>;

/// What is worth it: more than 256 bytes, no images, no streams of events.
fn worth() -> Worth {
    SizeAbove::new(256)
        .and(NotForContentType::GRPC)
        .and(NotForContentType::IMAGES)
        .and(NotForContentType::SSE)
        .and(NotForContentType::const_new("application/octet-stream"))
}

/// The body of a compressed answer.
pub type Compressed<B> = CompressionBody<DecompressionBody<B>>;

/// Compresses answers with gzip.
#[derive(Debug, Clone, Copy, Default)]
pub struct CompressionLayer;

/// A service whose answers are compressed.
pub type CompressionService<S> = Compression<Plain<Decompression<S>>, Worth>;

impl<S> Layer<S> for CompressionLayer {
    type Service = CompressionService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Compression::new(Plain { inner: Decompression::new(inner) }).compress_when(worth())
    }
}

/// Asks the service for its answer as it is: here is where it is compressed.
#[derive(Debug, Clone)]
pub struct Plain<S> {
    inner: S,
}

impl<S, Q, R> Service<Request<Q>> for Plain<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
    R: Body,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> S::Future {
        let identity = HeaderValue::from_static("identity");
        request.headers_mut().insert(ACCEPT_ENCODING, identity);
        self.inner.call(request)
    }
}
