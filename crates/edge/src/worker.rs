//! One worker: a thread with a runtime of its own that takes connections and serves them. Workers
//! share the listening socket and nothing else.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use layers::{CompressionLayer, HealthState, ObserveLayer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tower_layer::Layer;
use tower_service::Service;

use crate::conversation::{http1, http2};
use crate::descriptors::Places;
use crate::lingering::Lingering;
use crate::proxy_protocol;
use crate::reload::Slot;
use crate::socket::Socket;
use crate::stack::{Parts, stack};
use crate::tls::{self, Tls};
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
    /// Whether the service speaks HTTP/2 there.
    pub(crate) upstream_http2: bool,
    pub(crate) slot: Arc<Slot>,
    pub(crate) compress: bool,
    pub(crate) board: HealthState,
    pub(crate) tunnels: Tunnels,
    pub(crate) places: Places,
    /// What TLS is spoken with; plain HTTP without.
    pub(crate) tls: Option<Tls>,
    /// Whether HTTP/2 is spoken without TLS, too, by who begins with it.
    pub(crate) h2c: bool,
    /// Whether trusted proxies say who a client is by the PROXY protocol.
    pub(crate) balanced: bool,
    /// The longest time from the opening of a connection, or the last answer, to the end of the
    /// next head.
    pub(crate) head_within: Duration,
    /// The longest time in which a client takes nothing of its answer.
    pub(crate) taken_within: Duration,
}

impl Site {
    /// Whether a connection begins with who its client is.
    fn is_balancer(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.balanced && self.slot.now().trusted.iter().any(|range| range.contains(peer))
    }
}

/// Who is at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) peer: SocketAddr,
    http2: bool,
    /// The certificate that it has shown.
    pub(crate) certificate: Option<HeaderValue>,
}

/// What a connection stands on, from its opening to its end.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) site: Arc<Site>,
    pub(crate) parts: Arc<Parts>,
    /// Tells when others stand there.
    pub(crate) changes: watch::Receiver<()>,
}

impl Ground {
    /// Whether an answer is to be the connection's last.
    pub(crate) fn is_left(&self) -> bool {
        self.site.board.is_draining() || self.changes.has_changed().unwrap_or(false)
    }
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
    let pool = if site.upstream_http2 {
        Pool::http2(site.upstream)
    } else {
        Pool::new(site.upstream, site.slot.now().added)
    };
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
    mut stream: TcpStream,
    mut peer: SocketAddr,
    phase: watch::Receiver<Phase>,
) {
    let _place = site.places.take();
    if site.is_balancer(peer.ip()) {
        let said = proxy_protocol::read(&mut stream, peer, site.head_within);
        let Some(client) = Box::pin(said).await else { return };
        peer = client;
    }
    // Without it an answer in two pieces waits for an acknowledgement.
    let _ = stream.set_nodelay(true);
    match &site.tls {
        // What is not for every connection is in boxes, or each would carry the room for it.
        None if site.h2c && Box::pin(http2::is_spoken(&stream, site.head_within)).await => {
            let client = Client { peer, http2: true, certificate: None };
            Box::pin(serve_on(&site, pool, Socket(stream), client, phase)).await;
        }
        None => {
            let client = Client { peer, http2: false, certificate: None };
            serve_on(&site, pool, Socket(stream), client, phase).await;
        }
        Some(tls) => Box::pin(serve_tls(&site, tls, pool, stream, peer, phase)).await,
    }
}

/// Serves on a connection with TLS.
async fn serve_tls(
    site: &Arc<Site>,
    tls: &Tls,
    pool: Pool,
    stream: TcpStream,
    peer: SocketAddr,
    phase: watch::Receiver<Phase>,
) {
    if let Some(stream) = tls.accept(stream, site.head_within).await {
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let client = Client { peer, http2, certificate: tls::shown(&stream) };
        serve_on(site, pool, stream, client, phase).await;
    }
}

/// Serves on a connection, of whichever kind.
async fn serve_on<C>(
    site: &Arc<Site>,
    pool: Pool,
    stream: C,
    client: Client,
    phase: watch::Receiver<Phase>,
) where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let changes = site.slot.changes();
    let site = Arc::new(Ground { parts: site.slot.now(), site: Arc::clone(site), changes });
    let http2 = client.http2;
    let inner = stack(&site.parts, client, pool, &site.site.tunnels, site.site.tls.is_some());
    let observe = ObserveLayer(site.parts.observe.clone());
    if site.site.compress {
        speak(&site, stream, observe.layer(CompressionLayer.layer(inner)), http2, phase).await;
    } else {
        speak(&site, stream, observe.layer(inner), http2, phase).await;
    }
}

async fn speak<C, S, B>(
    site: &Arc<Ground>,
    stream: C,
    service: S,
    http2: bool,
    phase: watch::Receiver<Phase>,
) where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Lingering>, Response = Response<B>, Error = Infallible> + Send + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // The client may break off at any time; there is nobody left to tell then.
    let _ = if http2 {
        Box::pin(http2::converse(site, stream, service, phase)).await
    } else {
        http1::converse(site, stream, service, phase).await
    };
}
