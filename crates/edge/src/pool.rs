//! Connections to the service that are used again. Each worker has its own, so none waits for
//! another.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::proxy::Outgoing;

/// The connections of a worker. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: SocketAddr,
    idle: Mutex<Vec<SendRequest<Outgoing>>>,
}

/// More idle connections than this are closed.
const MOST_IDLE: usize = 256;
/// The service is on this machine: it connects at once or not at all.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

impl Pool {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self(Arc::new(Inner { address, idle: Mutex::default() }))
    }

    /// Where the service listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// A connection that was used before and is open, as far as is known.
    pub(crate) async fn used(&self) -> Option<Lease> {
        loop {
            let mut sender = self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if sender.is_ready() || (!sender.is_closed() && sender.ready().await.is_ok()) {
                return Some(Lease { sender, pool: self.clone() });
            }
        }
    }

    /// A new connection.
    ///
    /// # Errors
    /// When the service does not take it.
    pub(crate) async fn fresh(&self) -> io::Result<Lease> {
        let connecting = TcpStream::connect(self.0.address);
        let stream = tokio::time::timeout(CONNECT_WITHIN, connecting).await??;
        stream.set_nodelay(true)?;
        let handshake = http1::Builder::new().handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(io::Error::other)?;
        // It ends with an error when the service breaks off, which the request on it learns too.
        tokio::spawn(async move { connection.with_upgrades().await });
        Ok(Lease { sender, pool: self.clone() })
    }
}

/// A connection in use.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) sender: SendRequest<Outgoing>,
    pool: Pool,
}

impl Lease {
    /// For the next request.
    pub(crate) fn give_back(self) {
        if self.sender.is_closed() {
            return;
        }
        let mut idle = self.pool.0.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < MOST_IDLE {
            idle.push(self.sender);
        }
    }
}
