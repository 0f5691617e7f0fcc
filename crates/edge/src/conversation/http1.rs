//! HTTP/1.1 with a client, until either ends it or the edge drains.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tower_service::Service;

use super::LARGEST_HEAD;
use super::adapter::Adapter;
use crate::client_timeout::Patient;
use crate::lingering::Lingering;
use crate::timer::ConnectionTimer;
use crate::worker::{Ground, Phase};

/// Speaks HTTP on one connection.
pub(crate) async fn converse<C, S, B>(
    ground: &Arc<Ground>,
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
    let site = &ground.site;
    let asked = Arc::new(AtomicBool::new(false));
    let service = Adapter::new(service, ground, Arc::clone(&asked));
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
