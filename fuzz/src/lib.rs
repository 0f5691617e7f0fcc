//! What the fuzz targets share: input in parts, a service that answers, and a clock.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use tower_service::Service;

/// The longest that one input of at most 64 KiB may take.
pub const LONGEST: Duration = Duration::from_secs(1);

/// Runs a check and holds it to its time.
pub fn timed<T>(check: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let value = check();
    assert!(began.elapsed() < LONGEST, "one input took {:?}", began.elapsed());
    value
}

/// Cuts an input at its NUL bytes into so many parts; missing ones are empty.
pub fn parts<const N: usize>(data: &[u8]) -> [&[u8]; N] {
    let mut all = data.splitn(N, |byte| *byte == 0);
    std::array::from_fn(|_| all.next().unwrap_or_default())
}

/// The bytes as text, what is not UTF-8 replaced.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A request with headers from lines `name: value`; lines that are no header are passed over.
pub fn request(target: &[u8], lines: &[u8]) -> Option<Request<()>> {
    let mut request = Request::builder().uri(target).body(()).ok()?;
    for line in lines.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            request.headers_mut().append(name, value);
        }
    }
    Some(request)
}

/// Runs a future to its end.
pub fn run<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// A service that gives one answer.
pub struct Gives(pub Option<Response<http_body_util::Full<Bytes>>>);

impl<Q> Service<Request<Q>> for Gives {
    type Response = Response<http_body_util::Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Q>) -> Self::Future {
        ready(Ok(self.0.take().expect("it is asked once")))
    }
}
