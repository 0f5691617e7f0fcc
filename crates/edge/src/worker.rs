//! One worker: a thread with a runtime of its own that takes connections and serves them. Workers
//! share the listening socket and nothing else.

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use layers::{CompressionLayer, HealthState, ObserveLayer, Policy};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tower_layer::Layer;
use tower_service::Service;

use crate::client_timeout::Patient;
use crate::descriptors::Places;
use crate::lingering::Lingering;
use crate::proxy::forget_named;
use crate::socket::Socket;
use crate::stack::{Parts, stack};
use crate::timer::ConnectionTimer;
use crate::tls::Tls;
use crate::tunnels::Tunnels;
use crate::upstream::Pool;

/// What a worker is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Serve,
    /// Take what has come, take no more, end each connection after its request.
    Drain,
    /// End at once.
    Stop,
}

/// One listener as a worker serves it.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) upstream: SocketAddr,
    pub(crate) parts: Arc<Parts>,
    pub(crate) compress: bool,
    pub(crate) board: HealthState,
    pub(crate) tunnels: Tunnels,
    pub(crate) places: Places,
    /// What TLS is spoken with; plain HTTP without.
    pub(crate) tls: Option<Tls>,
    /// The longest time from the opening of a connection, or the last answer, to the end of the
    /// next head.
    pub(crate) head_within: Duration,
    /// The longest time in which a client takes nothing of its answer.
    pub(crate) taken_within: Duration,
}

/// Serves until told to stop, and until every connection has ended.
pub(crate) async fn work(
    sites: Vec<(std::net::TcpListener, Site)>,
    phase: watch::Receiver<Phase>,
) -> io::Result<()> {
    let mut all = JoinSet::new();
    for (listener, site) in sites {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        all.spawn(accept(Arc::new(site), listener, phase.clone()));
    }
    while all.join_next().await.is_some() {}
    Ok(())
}

async fn accept(site: Arc<Site>, listener: TcpListener, mut phase: watch::Receiver<Phase>) {
    let pool = Pool::new(site.upstream, site.parts.added);
    let mut connections = JoinSet::new();
    let mut sweep = tokio::time::interval(Pool::SWEEP);
    // Two sweeps in a row would close what has just been used.
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while *phase.borrow() == Phase::Serve {
        let full = site.places.is_full();
        tokio::select! {
            accepted = listener.accept(), if !full => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(serve(Arc::clone(&site), pool.clone(), stream, peer, phase.clone()));
                }
                // No descriptors left, or a client that has gone: the others go on.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            _ = phase.changed() => {}
            _ = sweep.tick() => pool.sweep(),
            // A place may become free at another worker.
            () = tokio::time::sleep(AGAIN), if full => {}
            Some(_) = connections.join_next() => {}
        }
    }
    // Whoever had connected before the socket closed was promised an answer. The system is asked
    // itself: what tokio knows may be older than the last of them. Closed in every worker, the port
    // refuses, and who comes then can try elsewhere.
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, peer)) = listener.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            if let Ok(stream) = stream {
                let (site, pool) = (Arc::clone(&site), pool.clone());
                connections.spawn(serve(site, pool, stream, peer, phase.clone()));
            }
        }
    }
    while *phase.borrow() != Phase::Stop {
        tokio::select! {
            ended = connections.join_next() => if ended.is_none() { return },
            _ = phase.changed() => {}
        }
    }
}

/// So long after the last place was taken another look is worth it.
const AGAIN: Duration = Duration::from_millis(10);

async fn serve(
    site: Arc<Site>,
    pool: Pool,
    stream: TcpStream,
    peer: SocketAddr,
    phase: watch::Receiver<Phase>,
) {
    let _place = site.places.take();
    // Without it an answer in two pieces waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    match &site.tls {
        None => serve_on(&site, pool, Socket(stream), peer, phase).await,
        Some(tls) => {
            let agreed = tls.accept(stream, site.head_within).await;
            if let Some(stream) = agreed {
                // In a box, or every plain connection would carry the room for it.
                Box::pin(serve_on(&site, pool, stream, peer, phase)).await;
            }
        }
    }
}

/// Serves on a connection, of whichever kind.
async fn serve_on<C>(
    site: &Arc<Site>,
    pool: Pool,
    stream: C,
    peer: SocketAddr,
    phase: watch::Receiver<Phase>,
) where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let inner = stack(&site.parts, peer.ip(), pool, &site.tunnels, site.tls.is_some());
    let observe = ObserveLayer(site.parts.observe.clone());
    // The client may break off at any time; there is nobody left to tell then.
    let _ = if site.compress {
        converse(site, stream, observe.layer(CompressionLayer.layer(inner)), phase).await
    } else {
        converse(site, stream, observe.layer(inner), phase).await
    };
}

/// Speaks HTTP on one connection.
async fn converse<C, S, B>(
    site: &Arc<Site>,
    stream: C,
    service: S,
    mut phase: watch::Receiver<Phase>,
) -> hyper::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Lingering>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let asked = Arc::new(AtomicBool::new(false));
    let service =
        Adapter { service: RefCell::new(service), site: Arc::clone(site), asked: asked.clone() };
    let connection = http1::Builder::new()
        .timer(ConnectionTimer::default())
        .header_read_timeout(site.head_within)
        .writev(false)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(Patient::new(stream, site.taken_within)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // Once draining has begun, each answer says that it is the last. Who was accepted and has not
    // asked yet, or asks again just now, is still answered; only who stays silent is closed.
    let mut silent: Option<Pin<Box<tokio::time::Sleep>>> = None;
    if *phase.borrow() != Phase::Serve {
        silent = Some(Box::pin(tokio::time::sleep(FIRST.min(site.head_within))));
    }
    loop {
        let seen = phase.clone();
        let mut changed = pin!(phase.changed());
        let mut waiting = false;
        let next = poll_fn(|context| {
            if let Poll::Ready(ended) = connection.as_mut().poll(context) {
                return Poll::Ready(Next::Ended(ended));
            }
            if let Some(timer) = &mut silent {
                return timer.as_mut().poll(context).map(|()| Next::Silent);
            }
            // Who waits once is woken; to wait anew with each request would be for nothing.
            if waiting && !seen.has_changed().unwrap_or(true) {
                return Poll::Pending;
            }
            waiting = true;
            changed.as_mut().poll(context).map(|_| Next::Told)
        });
        match next.await {
            Next::Ended(ended) => return ended,
            Next::Told if *seen.borrow() == Phase::Serve => {}
            Next::Told => {
                let longest = if asked.load(Ordering::Relaxed) { NEXT } else { FIRST };
                silent = Some(Box::pin(tokio::time::sleep(longest.min(site.head_within))));
            }
            Next::Silent => {
                connection.as_mut().graceful_shutdown();
                return connection.await;
            }
        }
    }
}

/// Why a connection is looked at.
enum Next {
    Ended(hyper::Result<()>),
    /// Another phase has begun.
    Told,
    /// The time for another request is over.
    Silent,
}

/// From the end of accepting: so long a connection may take to its first request, and so long an
/// idle one may bring another. A client that was accepted was promised an answer; one that opens
/// connections ahead of time (as browsers do) must not hold the drain.
const FIRST: Duration = Duration::from_secs(3);
const NEXT: Duration = Duration::from_secs(1);

/// The largest head of a request, and the largest piece of a body, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;

/// A tower service, whose calls need it whole, as a hyper service, whose calls do not: the calls of
/// one connection come one after the other.
struct Adapter<S> {
    service: RefCell<S>,
    site: Arc<Site>,
    /// Whether a request has come.
    asked: Arc<AtomicBool>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Adapter<S>
where
    S: Service<Request<Lingering>, Response = Response<B>, Error = Infallible>,
{
    type Response = Response<B>;
    type Error = Infallible;
    type Future = Farewell<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.asked.store(true, Ordering::Relaxed);
        forget_named(request.headers_mut());
        // It never refuses.
        let id = self.site.parts.correlation.request(&mut request).ok().flatten();
        let request = request.map(Lingering::new);
        let answering = self.service.borrow_mut().call(request);
        Farewell { answering, site: Arc::clone(&self.site), id }
    }
}

pin_project_lite::pin_project! {
    /// Gives each answer its request's id, and says, once draining has begun, that it is the
    /// connection's last.
    struct Farewell<F> {
        #[pin]
        answering: F,
        site: Arc<Site>,
        id: Option<HeaderValue>,
    }
}

impl<F, B> Future for Farewell<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = F::Output;

    fn poll(
        self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<F::Output> {
        let this = self.project();
        let mut answer = std::task::ready!(this.answering.poll(context));
        if let Ok(answer) = &mut answer {
            this.site.parts.correlation.response(this.id.take(), answer);
            if this.site.board.is_draining()
                && answer.status() != http::StatusCode::SWITCHING_PROTOCOLS
            {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        std::task::Poll::Ready(answer)
    }
}
