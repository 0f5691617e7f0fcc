//! A TCP proxy that breaks things on purpose, with counters as evidence that it was in the way.
//!
//! All proxies of a process live on one thread of their own, so that a busy experiment does not
//! disturb their timing. The faults are Toxiproxy's, plus refusing and hanging.

mod connection;
mod pump;
mod spin;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};

use crate::ports::Lease;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    #[default]
    Nothing,
    /// Nobody listens; what was connected is reset.
    Refuse,
    /// Connections are accepted and reset at once; what was connected is reset.
    Reset,
    /// Connections stay open and nothing passes.
    Hang,
    /// Everything arrives later, in order, by `delay` and up to `jitter` more.
    Latency { delay: Duration, jitter: Duration },
    /// At most so many bytes pass each second.
    Bandwidth { bytes_per_second: u64 },
    /// The end of a connection arrives later.
    SlowClose { delay: Duration },
    /// A connection is reset once so many bytes have passed since the fault was set.
    Cut { after: u64 },
    /// Bytes arrive in pieces of this size, with a pause between them.
    Slice { size: usize, pause: Duration },
}

/// Which bytes a fault concerns; refusing, resetting and hanging concern both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    #[default]
    Both,
    /// From the service to the dependency.
    Up,
    /// From the dependency to the service.
    Down,
}

/// What is wrong, and with which bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fault {
    pub kind: Kind,
    pub direction: Direction,
}

impl Fault {
    pub fn new(kind: Kind) -> Self {
        Self { kind, direction: Direction::Both }
    }

    pub fn down(kind: Kind) -> Self {
        Self { kind, direction: Direction::Down }
    }
}

/// What a proxy passes everything on to.
#[derive(Debug, Clone)]
pub enum Upstream {
    Direct(SocketAddr),
    /// `host:port`, reached by somebody outside the confinement.
    Outside(Arc<isolation::Outside>, String),
}

impl Upstream {
    async fn connect(&self) -> std::io::Result<TcpStream> {
        match self {
            Self::Direct(address) => TcpStream::connect(address).await,
            Self::Outside(outside, address) => {
                let (outside, address) = (Arc::clone(outside), address.clone());
                let connected =
                    tokio::task::spawn_blocking(move || outside.connect(&address)).await;
                let stream = connected.map_err(std::io::Error::other)??;
                stream.set_nonblocking(true)?;
                TcpStream::from_std(stream)
            }
        }
    }
}

/// What has passed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    pub connections: u64,
    pub up: u64,
    pub down: u64,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    up: AtomicU64,
    down: AtomicU64,
}

/// A proxy in front of one dependency of one instance. It ends with this value.
#[derive(Debug)]
pub struct Proxy {
    lease: Lease,
    counters: Arc<Counters>,
    commands: mpsc::UnboundedSender<Command>,
}

#[derive(Debug)]
struct Command {
    fault: Fault,
    done: oneshot::Sender<()>,
}

/// The thread on which all proxies live.
fn thread() -> &'static Handle {
    static THREAD: OnceLock<Handle> = OnceLock::new();
    THREAD.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("no runtime for proxies: {error}"));
        let handle = runtime.handle().clone();
        std::thread::Builder::new()
            .name("faults".to_owned())
            .spawn(move || runtime.block_on(spin::keep_awake()))
            .unwrap_or_else(|error| panic!("no thread for proxies: {error}"));
        handle
    })
}

impl Proxy {
    /// Listens on the leased port and passes everything on to `upstream`.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn start(lease: Lease, upstream: Upstream) -> std::io::Result<Self> {
        let counters = Arc::new(Counters::default());
        let (commands, received) = mpsc::unbounded_channel();
        let port = lease.port;
        let served = Arc::clone(&counters);
        let (bound, is_bound) = oneshot::channel();
        thread().spawn(async move {
            let listener = bind(port).await;
            let error =
                listener.as_ref().err().map(|e| std::io::Error::new(e.kind(), e.to_string()));
            let _ = bound.send(error.map_or(Ok(()), Err));
            if let Ok(listener) = listener {
                serve(listener, port, upstream, served, received).await;
            }
        });
        is_bound.await.map_err(std::io::Error::other)??;
        Ok(Self { lease, counters, commands })
    }

    pub fn port(&self) -> u16 {
        self.lease.port
    }

    /// Sets a fault, and returns when it is in force: a refused port no longer listens.
    pub async fn set(&self, fault: Fault) {
        let (done, is_done) = oneshot::channel();
        if self.commands.send(Command { fault, done }).is_ok() {
            let _ = is_done.await;
        }
    }

    pub fn traffic(&self) -> Traffic {
        Traffic {
            connections: self.counters.connections.load(Ordering::Relaxed),
            up: self.counters.up.load(Ordering::Relaxed),
            down: self.counters.down.load(Ordering::Relaxed),
        }
    }
}

async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
}

/// Accepts until the proxy is dropped. Connections follow the fault through a watch.
async fn serve(
    listener: TcpListener,
    port: u16,
    upstream: Upstream,
    counters: Arc<Counters>,
    mut commands: mpsc::UnboundedReceiver<Command>,
) {
    let (fault, faults) = watch::channel(Fault::default());
    let mut listener = Some(listener);
    loop {
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            command = commands.recv() => {
                let Some(Command { fault: new, done }) = command else { return };
                fault.send_replace(new);
                if new.kind == Kind::Refuse {
                    listener = None;
                } else if listener.is_none() {
                    listener = rebind(port).await;
                }
                let _ = done.send(());
            }
            accepted = accepted => {
                let Ok((client, _)) = accepted else { continue };
                counters.connections.fetch_add(1, Ordering::Relaxed);
                let (counters, faults) = (Arc::clone(&counters), faults.clone());
                tokio::spawn(connection::carry(client, upstream.clone(), counters, faults));
            }
        }
    }
}

/// The port is ours by its lease, but an old connection may linger on it for a moment.
async fn rebind(port: u16) -> Option<TcpListener> {
    for _ in 0..200 {
        if let Ok(listener) = bind(port).await {
            return Some(listener);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    None
}

#[cfg(test)]
mod tests;
