//! Oversized, slow and inflating bodies are refused cheaply: by their declared length before a byte
//! is read, by what was counted where none is declared.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::io::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower_layer::Layer;
use tower_service::Service;

use crate::list;
use crate::refusal::Refusal;

/// What a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BodyLimits {
    /// The largest body in bytes, as it comes and, with gzip or deflate, when it is unpacked.
    pub max: Option<u64>,
    /// The longest time from the head of the request to the last byte of its body.
    pub within: Option<Duration>,
    /// The longest time without a piece of it.
    pub stall: Option<Duration>,
}

/// Why a body was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overrun {
    TooLarge,
    TooSlow,
    /// It says that it is packed, and cannot be unpacked.
    NotPacked,
}

impl fmt::Display for Overrun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge => "the body is too large",
            Self::TooSlow => "the body took too long",
            Self::NotPacked => "the body is not packed as it says",
        })
    }
}

impl Error for Overrun {}

impl Overrun {
    fn refusal(self) -> Refusal {
        let (status, code) = match self {
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "body_too_slow"),
            Self::NotPacked => (StatusCode::BAD_REQUEST, "body_not_packed"),
        };
        Refusal::new(status, code, self.to_string())
    }

    fn of(number: u8) -> Option<Self> {
        [None, Some(Self::TooLarge), Some(Self::TooSlow), Some(Self::NotPacked)]
            [number as usize % 4]
    }
}

/// Bounds the bodies of requests.
#[derive(Debug, Clone, Copy, Default)]
pub struct BodyLimitsLayer(pub BodyLimits);

impl<S> Layer<S> for BodyLimitsLayer {
    type Service = BodyLimitsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BodyLimitsService { limits: self.0, inner }
    }
}

/// A service behind bounded bodies.
#[derive(Debug, Clone)]
pub struct BodyLimitsService<S> {
    limits: BodyLimits,
    inner: S,
}

impl<S, Q, R> Service<Request<Q>> for BodyLimitsService<S>
where
    S: Service<Request<Bounded<Q>>, Response = Response<R>>,
    Q: Body,
    R: From<Bytes>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = BodyLimitsFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        if self.limits.max.is_some_and(|max| declared(request.headers()) > max) {
            return BodyLimitsFuture::Refused { overrun: Overrun::TooLarge };
        }
        // What is packed twice cannot be measured here, and no client of an API sends it.
        let packed_twice = list::members(request.headers(), &CONTENT_ENCODING).nth(1).is_some();
        if self.limits.max.is_some() && packed_twice {
            return BodyLimitsFuture::Refused { overrun: Overrun::NotPacked };
        }
        let (head, body) = request.into_parts();
        let guard = Guard::of(&self.limits, &head.headers, &body);
        let fault = guard.as_ref().map(|guard| Arc::clone(&guard.fault));
        let request = Request::from_parts(head, Bounded { body, guard });
        BodyLimitsFuture::Waiting { inner: self.inner.call(request), fault }
    }
}

fn declared(headers: &HeaderMap) -> u64 {
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    length.and_then(|length| length.parse().ok()).unwrap_or(0)
}

pin_project! {
    /// The answer of a service behind bounded bodies: a refusal where the body broke its bounds,
    /// whatever the service made of that.
    #[project = Projected]
    pub enum BodyLimitsFuture<F> {
        Waiting { #[pin] inner: F, fault: Option<Arc<AtomicU8>> },
        Refused { overrun: Overrun },
    }
}

impl<F, R, E> Future for BodyLimitsFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: From<Bytes>,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Projected::Waiting { inner, fault } => {
                let answer = ready!(inner.poll(context));
                let broken = fault.as_ref().and_then(|f| Overrun::of(f.load(Ordering::Relaxed)));
                Poll::Ready(match (answer, broken) {
                    (Ok(_), Some(overrun)) => Ok(overrun.refusal().answer().map(R::from)),
                    (answer, _) => answer,
                })
            }
            Projected::Refused { overrun } => {
                Poll::Ready(Ok(overrun.refusal().answer().map(R::from)))
            }
        }
    }
}

struct Guard {
    left: u64,
    deadline: Option<Pin<Box<Sleep>>>,
    stall: Option<Duration>,
    /// While the next piece is waited for.
    stalled: Option<Pin<Box<Sleep>>>,
    unpacked: Option<Unpacked>,
    fault: Arc<AtomicU8>,
}

impl Guard {
    fn of(limits: &BodyLimits, headers: &HeaderMap, body: &impl Body) -> Option<Box<Self>> {
        if body.is_end_stream() || *limits == BodyLimits::default() {
            return None;
        }
        Some(Box::new(Self {
            left: limits.max.unwrap_or(u64::MAX),
            deadline: limits.within.map(|within| Box::pin(sleep(within))),
            stall: limits.stall,
            stalled: None,
            unpacked: limits.max.and_then(|max| Unpacked::of(headers, max)),
            fault: Arc::default(),
        }))
    }

    /// Whether the next piece takes too long, or the whole.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        if self.stalled.is_none() {
            self.stalled = self.stall.map(|stall| Box::pin(sleep(stall)));
        }
        let clocks = [&mut self.deadline, &mut self.stalled];
        clocks.into_iter().flatten().any(|clock| clock.as_mut().poll(context).is_ready())
    }

    fn breaks(&mut self, overrun: Overrun) -> Box<dyn Error + Send + Sync> {
        self.fault.store(overrun as u8 + 1, Ordering::Relaxed);
        Box::new(overrun)
    }

    fn count(&mut self, data: &[u8]) -> Result<(), Overrun> {
        self.left = self.left.checked_sub(data.len() as u64).ok_or(Overrun::TooLarge)?;
        self.unpacked.as_mut().map_or(Ok(()), |unpacked| unpacked.feed(data))
    }
}

/// Unpacks what goes by, only to count it.
enum Unpacked {
    Gzip(flate2::write::MultiGzDecoder<Counter>),
    Deflate(flate2::write::ZlibDecoder<Counter>),
}

struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let left = self.0.checked_sub(bytes.len() as u64);
        self.0 = left.ok_or_else(|| std::io::Error::other(Overrun::TooLarge))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Unpacked {
    fn of(headers: &HeaderMap, max: u64) -> Option<Self> {
        let coding = list::members(headers, &CONTENT_ENCODING).next()?.to_ascii_lowercase();
        match std::str::from_utf8(&coding).ok()? {
            "gzip" | "x-gzip" => Some(Self::Gzip(flate2::write::MultiGzDecoder::new(Counter(max)))),
            "deflate" => Some(Self::Deflate(flate2::write::ZlibDecoder::new(Counter(max)))),
            _ => None,
        }
    }

    fn feed(&mut self, data: &[u8]) -> Result<(), Overrun> {
        let fed = match self {
            Self::Gzip(decoder) => decoder.write_all(data).and_then(|()| decoder.flush()),
            Self::Deflate(decoder) => decoder.write_all(data).and_then(|()| decoder.flush()),
        };
        fed.map_err(|error| if is_overrun(&error) { Overrun::TooLarge } else { Overrun::NotPacked })
    }
}

fn is_overrun(error: &std::io::Error) -> bool {
    matches!(error.get_ref(), Some(inner) if inner.is::<Overrun>())
}

pin_project! {
    /// A body within its bounds: it fails with an [`Overrun`] when it breaks them.
    pub struct Bounded<B> {
        #[pin]
        body: B,
        // Most requests have no body: they carry a word for it and not what watches one.
        guard: Option<Box<Guard>>,
    }
}

impl<B> fmt::Debug for Bounded<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bounded").field("guarded", &self.guard.is_some()).finish()
    }
}

impl<B> Bounded<B> {
    /// A body without bounds.
    pub fn free(body: B) -> Self {
        Self { body, guard: None }
    }
}

impl<B> Body for Bounded<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = self.project();
        let Some(guard) = this.guard else {
            return this.body.poll_frame(context).map_err(Into::into);
        };
        let polled = this.body.poll_frame(context);
        if polled.is_ready() {
            guard.stalled = None;
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => {
                let counted = frame.data_ref().map_or(Ok(()), |data| guard.count(data));
                let counted = counted.map(|()| frame).map_err(|overrun| guard.breaks(overrun));
                Poll::Ready(Some(counted))
            }
            Poll::Ready(other) => Poll::Ready(other.map(|frame| frame.map_err(Into::into))),
            Poll::Pending if guard.is_late(context) => {
                Poll::Ready(Some(Err(guard.breaks(Overrun::TooSlow))))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(data: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(data).expect("memory");
        packer.finish().expect("memory")
    }

    #[test]
    fn every_member_of_a_packed_body_counts() {
        let headers = HeaderMap::from_iter([(CONTENT_ENCODING, "gzip".parse().expect("sound"))]);
        let fed = |max: u64| {
            let mut unpacked = Unpacked::of(&headers, max).expect("it is packed");
            let body = [packed(&[0; 600]), packed(&[1; 600])].concat();
            body.chunks(7).try_for_each(|piece| unpacked.feed(piece))
        };
        assert_eq!(fed(1200), Ok(()));
        assert_eq!(fed(1199), Err(Overrun::TooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_may_be_slow_but_not_stand_still() {
        let stall = Some(Duration::from_secs(60));
        let limits = BodyLimits { stall, ..BodyLimits::default() };
        let after = |pause: u64| async move {
            let pieces = futures_util::stream::unfold(0, move |count| async move {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                let piece = Frame::data(Bytes::from_static(b"x"));
                (count < 5).then_some((Ok::<_, std::io::Error>(piece), count + 1))
            });
            let body = Box::pin(http_body_util::StreamBody::new(pieces));
            let guard = Guard::of(&limits, &HeaderMap::new(), &body);
            let body = Bounded { body, guard };
            http_body_util::BodyExt::collect(body).await.map(|all| all.to_bytes().len())
        };
        assert_eq!(after(50).await.expect("slow, but it comes"), 5);
        let late = after(61).await.expect_err("it stands still");
        assert_eq!(late.downcast_ref(), Some(&Overrun::TooSlow));
    }
}
