//! Connections that have switched protocols and live on.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use layers::SocketMetrics;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::websocket::{Ended, SocketLimits, relay};
use crate::worker::Phase;

/// All of them. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tunnels(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    count: AtomicUsize,
    /// Those of them that are WebSockets, which can be told why they end.
    sockets: AtomicUsize,
    rules: Option<Rules>,
}

/// How WebSockets are treated.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) limits: SocketLimits,
    pub(crate) phase: watch::Receiver<Phase>,
    /// Over so long their goodbyes are spread: everybody who is sent away at once comes back at once.
    pub(crate) spread: Duration,
    pub(crate) metrics: SocketMetrics,
}

/// One of them.
pub(crate) struct Inside(Tunnels);

impl Tunnels {
    pub(crate) fn new(rules: Rules) -> Self {
        Self(Arc::new(Inner { rules: Some(rules), ..Inner::default() }))
    }

    pub(crate) fn enter(&self) -> Inside {
        self.0.count.fetch_add(1, Ordering::AcqRel);
        Inside(self.clone())
    }

    /// Waits until none is left.
    pub(crate) async fn ended(&self) {
        none(&self.0.count).await;
    }

    /// Waits until no WebSocket is left.
    pub(crate) async fn told(&self) {
        none(&self.0.sockets).await;
    }
}

async fn none(count: &AtomicUsize) {
    while count.load(Ordering::Acquire) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.count.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A client that asked for another protocol.
#[derive(Debug)]
pub(crate) struct Tunnel {
    pub(crate) client: OnUpgrade,
    pub(crate) websocket: bool,
    /// How long its token still holds.
    pub(crate) left: Option<Duration>,
}

impl Tunnel {
    /// Joins the two ends until one closes. `ahead` is what the service has already said.
    pub(crate) async fn join(self: Box<Self>, inside: Inside, service: TcpStream, ahead: BytesMut) {
        let Self { client, websocket, left } = *self;
        let Ok(client) = client.await else { return };
        let client = TokioIo::new(client);
        let expired = async move {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        let rules = inside.0.0.rules.as_ref().filter(|_| websocket);
        match rules {
            Some(rules) => {
                let began = rules.metrics.opened();
                let sockets = &inside.0.0.sockets;
                sockets.fetch_add(1, Ordering::AcqRel);
                let end = async {
                    tokio::select! {
                        () = expired => Ended::Expired,
                        () = rules.drained() => Ended::GoingAway,
                    }
                };
                let ended = relay(client, service, ahead, rules.limits, end).await;
                sockets.fetch_sub(1, Ordering::AcqRel);
                rules.metrics.closed(began, ended.word());
            }
            None => {
                tokio::select! {
                    () = bytes(client, service, ahead) => {}
                    () = expired => {}
                }
            }
        }
    }
}

impl Rules {
    /// Ready when the edge drains, at a moment of each one's own.
    fn drained(&self) -> impl Future<Output = ()> + use<> {
        let (mut phase, spread) = (self.phase.clone(), self.spread);
        async move {
            // Gone is ended, too.
            let _ = phase.wait_for(|phase| *phase != Phase::Serve).await;
            tokio::time::sleep(spread.mul_f64(fastrand::f64())).await;
        }
    }
}

/// Passes everything on, whatever it is.
async fn bytes(
    mut client: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    mut service: TcpStream,
    ahead: BytesMut,
) {
    // Either end may break off; both are closed then.
    if client.write_all(&ahead).await.is_ok() {
        let _ = tokio::io::copy_bidirectional(&mut client, &mut service).await;
    }
}
