//! Measures each request once, for whoever wants to know: metrics, access log.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::header::CONTENT_LENGTH;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::{Held, Watch};
use crate::rate_limit::WouldRefuse;
use crate::refusal::Refusal;

/// A request that was served.
#[derive(Debug, Clone)]
pub struct Served {
    pub method: Method,
    pub uri: Uri,
    /// `None` when nobody waited for the answer.
    pub status: Option<StatusCode>,
    pub id: Option<HeaderValue>,
    /// The bytes of the answer's body.
    pub bytes: u64,
    /// To the last byte of the answer.
    pub took: Duration,
    /// Whether the answer went out whole.
    pub whole: bool,
    /// The rule of a layer that refused it, by its code.
    pub refused: Option<Cow<'static, str>>,
    /// The rule in the shadow that would have refused it.
    pub would_refuse: Option<Cow<'static, str>>,
}

/// Wants to know of every request.
pub trait Sink: Send + Sync {
    fn served(&self, served: &Served);
}

/// Who wants to know, and how many requests are being served. Clones are one.
#[derive(Clone, Default)]
pub struct Observe {
    sinks: Arc<Vec<Arc<dyn Sink>>>,
    ids: Option<HeaderName>,
    in_flight: Arc<AtomicUsize>,
}

impl std::fmt::Debug for Observe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observe").field("sinks", &self.sinks.len()).finish_non_exhaustive()
    }
}

impl Observe {
    pub fn new(sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self { sinks: Arc::new(sinks), ids: None, in_flight: Arc::default() }
    }

    /// Which header of a request holds its id, as [`crate::Correlation`] further out has set it.
    #[must_use]
    pub fn ids(mut self, header: Option<HeaderName>) -> Self {
        self.ids = header;
        self
    }

    /// How many requests are being served, until the last byte of their answers.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    fn begin<B>(&self, request: &Request<B>) -> Watching {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        let served = (!self.sinks.is_empty()).then(|| {
            Box::new(Served {
                method: request.method().clone(),
                uri: request.uri().clone(),
                status: None,
                id: self.ids.as_ref().and_then(|id| request.headers().get(id)).cloned(),
                bytes: 0,
                took: Duration::ZERO,
                whole: false,
                refused: None,
                would_refuse: None,
            })
        });
        let began = served.as_ref().map(|_| Instant::now());
        Watching { observe: self.clone(), began, served, expected: None }
    }
}

/// A request that is being served.
#[derive(Debug)]
pub struct Watching {
    observe: Observe,
    began: Option<Instant>,
    // In a box, since it moves with the answer through every layer.
    served: Option<Box<Served>>,
    /// How many bytes make the answer whole, where that is known beforehand.
    expected: Option<u64>,
}

impl Watch for Watching {
    fn bytes(&mut self, count: usize) {
        if let Some(served) = &mut self.served {
            served.bytes += count as u64;
        }
    }

    fn end(&mut self) {
        if let Some(served) = &mut self.served {
            served.whole = true;
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.observe.in_flight.fetch_sub(1, Ordering::AcqRel);
        if let (Some(served), Some(began)) = (&mut self.served, self.began) {
            served.took = began.elapsed();
            // Whoever writes a body of known length need not ask for its end.
            served.whole |= self.expected == Some(served.bytes);
            for sink in self.observe.sinks.iter() {
                sink.served(served);
            }
        }
    }
}

/// Observes every request.
#[derive(Debug, Clone)]
pub struct ObserveLayer(pub Observe);

impl<S> Layer<S> for ObserveLayer {
    type Service = ObserveService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ObserveService { observe: self.0.clone(), inner }
    }
}

/// A service that is observed.
#[derive(Debug, Clone)]
pub struct ObserveService<S> {
    observe: Observe,
    inner: S,
}

impl<S, Q, R> Service<Request<Q>> for ObserveService<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
    R: http_body::Body,
{
    type Response = Response<Held<R, Watching>>;
    type Error = S::Error;
    type Future = ObserveFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let watching = Some(self.observe.begin(&request));
        ObserveFuture { inner: self.inner.call(request), watching }
    }
}

pin_project! {
    /// The answer, with somebody who watches it.
    pub struct ObserveFuture<F> {
        #[pin]
        inner: F,
        watching: Option<Watching>,
    }
}

impl<F, R, E> Future for ObserveFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: http_body::Body,
{
    type Output = Result<Response<Held<R, Watching>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.inner.poll(context));
        let mut watching = this.watching.take();
        Poll::Ready(answer.map(|answer| {
            if let Some(watching) = &mut watching {
                if let Some(served) = &mut watching.served {
                    served.status = Some(answer.status());
                    let refusal = answer.extensions().get::<Refusal>();
                    served.refused =
                        refusal.map(|refusal| refusal.rule.clone().unwrap_or(refusal.code.clone()));
                    let would = answer.extensions().get::<WouldRefuse>();
                    served.would_refuse = would.map(|would| would.0.clone());
                }
                let length = answer.headers().get(CONTENT_LENGTH).and_then(|l| l.to_str().ok());
                watching.expected = length.and_then(|length| length.parse().ok());
                watching.expected = watching.expected.or(answer.body().size_hint().exact());
                let status = answer.status();
                // An empty body is never asked for its end, nor one that is not sent.
                if answer.body().is_end_stream()
                    || status.is_informational()
                    || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
                    || watching.served.as_ref().is_some_and(|served| served.method == Method::HEAD)
                {
                    watching.end();
                }
            }
            answer.map(|body| Held::new(body, watching))
        }))
    }
}
