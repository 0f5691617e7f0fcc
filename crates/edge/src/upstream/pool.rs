//! Connections to the service that are used again. Each worker has its own, so none waits for
//! another.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection::Connection;
use super::http2::Multiplexed;

/// The connections of a worker. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: SocketAddr,
    added: usize,
    /// Of a service that speaks HTTP/2.
    multiplexed: Option<Multiplexed>,
    idle: Mutex<Idle>,
}

/// The last one used is the first one used again.
#[derive(Debug, Default)]
struct Idle {
    /// Since the last sweep.
    new: Vec<Parked>,
    /// Since the one before.
    old: Vec<Parked>,
}

#[derive(Debug)]
struct Parked(Box<Connection>);

impl Idle {
    fn pop(&mut self) -> Option<Parked> {
        self.new.pop().or_else(|| self.old.pop())
    }
}

/// More idle connections than this are closed.
const MOST_IDLE: usize = 256;

impl Pool {
    /// A connection that nobody used between two sweeps is closed. Shorter than what any usual
    /// server grants an idle connection (gunicorn 2 s, Node 5 s), so that a request hardly ever
    /// meets one that is just being closed.
    pub(crate) const SWEEP: Duration = Duration::from_millis(750);

    /// `added` is how many headers the edge adds to an answer, for which room is kept.
    pub(crate) fn new(address: SocketAddr, added: usize) -> Self {
        Self(Arc::new(Inner { address, added, multiplexed: None, idle: Mutex::default() }))
    }

    /// To a service that speaks HTTP/2 without TLS.
    pub(crate) fn http2(address: SocketAddr) -> Self {
        let multiplexed = Some(Multiplexed::new(address));
        Self(Arc::new(Inner { address, added: 0, multiplexed, idle: Mutex::default() }))
    }

    pub(crate) fn multiplexed(&self) -> Option<&Multiplexed> {
        self.0.multiplexed.as_ref()
    }

    pub(super) fn added(&self) -> usize {
        self.0.added
    }

    /// Where the service listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.0.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that was used before and is open, as far as is known; without doubt where what
    /// is sent on it cannot be sent twice.
    pub(super) fn used(&self, twice: bool) -> Option<Box<Connection>> {
        let mut idle = self.idle();
        while let Some(Parked(connection)) = idle.pop() {
            if !connection.is_stale(!twice) {
                return Some(connection);
            }
        }
        None
    }

    /// Keeps one for the next request.
    pub(super) fn keep(&self, mut connection: Box<Connection>) {
        connection.renew();
        let mut idle = self.idle();
        if idle.new.len() + idle.old.len() < MOST_IDLE {
            idle.new.push(Parked(connection));
        }
    }

    /// Closes what nobody has used since the last sweep.
    pub(crate) fn sweep(&self) {
        let mut idle = self.idle();
        idle.old = std::mem::take(&mut idle.new);
    }
}
