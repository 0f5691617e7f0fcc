//! HTTP/2 with a client (RFC 9113): many requests at once on one connection, until either ends it or
//! the edge drains. The frames are h2's; what its limits are for is said at each.

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{COOKIE, HOST};
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use layers::Policy;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower_service::Service;

use super::LARGEST_HEAD;
use crate::client_timeout::Patient;
use crate::lingering::Lingering;
use crate::streams::{Activity, Stream, Streams, Taken};
use crate::worker::{Ground, Phase};

/// Requests at once on one connection; those beyond wait. Browsers ask for no more than a hundred.
const STREAMS: u32 = 128;
/// Streams that a client opened and took back before they were looked at: more is a flood (rapid
/// reset, CVE-2023-44487).
const TAKEN_BACK: usize = 20;
/// Streams that the edge had to reset because the client broke the rules on them, which costs the
/// client nothing: more is a flood (CVE-2025-8671).
const RESET: usize = 128;
/// So much of an answer is handed to a stream before its client takes it, in bytes: what a client
/// leaves lying costs no more than this for each of its streams.
const KEPT: usize = 16 * 1024;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether a client begins with HTTP/2 (RFC 9113, 3.4), by what it says first.
pub(crate) async fn is_spoken(stream: &TcpStream, within: Duration) -> bool {
    let looking = async {
        let mut first = [0; 3];
        loop {
            match stream.peek(&mut first).await {
                Ok(0) | Err(_) => return false,
                Ok(count) if !PREFACE.starts_with(&first[..count]) => return false,
                Ok(3) => return true,
                // The next byte is under way.
                Ok(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(within, looking).await.unwrap_or(false)
}

/// Speaks HTTP/2 on one connection.
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
    let activity = Arc::<Activity>::default();
    let mut changes = ground.changes.clone();
    let service = Adapter {
        service: RefCell::new(service),
        ground: Arc::clone(ground),
        activity: Arc::clone(&activity),
    };
    let connection = http2::Builder::new(Streams { taken_within: site.taken_within })
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_pending_accept_reset_streams(TAKEN_BACK)
        .max_local_error_reset_streams(RESET)
        // Of the head, and by it of the frames that continue one (CVE-2024-27316).
        .max_header_list_size(LARGEST_HEAD as u32)
        .max_send_buf_size(KEPT)
        .serve_connection(TokioIo::new(Patient::new(stream, site.taken_within)), service);
    let mut connection = pin!(connection);
    let mut before = 0;
    loop {
        tokio::select! {
            ended = &mut connection => return ended,
            _ = phase.wait_for(|phase| *phase != Phase::Serve) => break,
            // Under another configuration the client comes again.
            Ok(()) = changes.changed() => break,
            () = tokio::time::sleep(site.head_within) => {
                let (all, open) = activity.now();
                // As on HTTP/1.1, an idle connection is not kept for ever.
                if !open && all == before {
                    break;
                }
                before = all;
            }
        }
    }
    // What was begun is ended, and the client told up to where that is (GOAWAY).
    connection.as_mut().graceful_shutdown();
    loop {
        tokio::select! {
            ended = &mut connection => return ended,
            // Who has not even said hello, or does not leave, is cut off.
            () = tokio::time::sleep(site.head_within.min(LEAVING)) => {
                if !activity.now().1 {
                    return Ok(());
                }
            }
        }
    }
}

/// So long an idle client may take to leave when it is told to.
const LEAVING: Duration = Duration::from_secs(5);

/// What stands before the service, as hyper calls it for each stream.
struct Adapter<S> {
    service: RefCell<S>,
    ground: Arc<Ground>,
    activity: Arc<Activity>,
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Adapter<S>
where
    S: Service<Request<Lingering>, Response = Response<B>, Error = Infallible>,
{
    type Response = Response<Taken<B>>;
    type Error = Infallible;
    type Future = Answering<S::Future>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        as_http1(&mut request);
        // It never refuses.
        let id = self.ground.parts.correlation.request(&mut request).ok().flatten();
        let stream = Some(self.activity.begin());
        let trailers = self.ground.parts.trailers;
        let request = request.map(|body| Lingering::new(body, trailers));
        let answering = self.service.borrow_mut().call(request);
        Answering { answering, ground: Arc::clone(&self.ground), id, stream }
    }
}

/// What is written otherwise in HTTP/2, as everything that stands further in knows it.
fn as_http1<B>(request: &mut Request<B>) {
    // Its authority counts, whatever `Host` says beside it (RFC 9113, 8.3.1).
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let host = authority.map(|all| all.rsplit_once('@').map_or(all, |(_, host)| host));
    let host = host.and_then(|host| HeaderValue::from_str(host).ok());
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
    // They may come one by one, and are one list (RFC 9113, 8.2.3).
    let cookies = request.headers().get_all(COOKIE);
    if cookies.iter().nth(1).is_some() {
        let all: Vec<&[u8]> = cookies.iter().map(HeaderValue::as_bytes).collect();
        if let Ok(joined) = HeaderValue::from_bytes(&all.join(&b"; "[..])) {
            request.headers_mut().insert(COOKIE, joined);
        }
    }
}

pin_project_lite::pin_project! {
    /// Gives each answer its request's id, and watches whether it is taken.
    struct Answering<F> {
        #[pin]
        answering: F,
        ground: Arc<Ground>,
        id: Option<HeaderValue>,
        stream: Option<Stream>,
    }
}

impl<F, B> Future for Answering<F>
where
    F: Future<Output = Result<Response<B>, Infallible>>,
{
    type Output = Result<Response<Taken<B>>, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut answer) = ready!(this.answering.poll(context));
        this.ground.parts.correlation.response(this.id.take(), &mut answer);
        let Some(stream) = this.stream.take() else { return Poll::Pending };
        Poll::Ready(Ok(answer.map(|body| Taken::new(body, stream))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_is_the_host_and_cookies_are_one_list() {
        let request = Request::get("https://ann@b:8/c").header("host", "a");
        let request = request.header("cookie", "a=1").header("cookie", "b=2; c=3");
        let mut request = request.body(()).expect("sound");
        as_http1(&mut request);
        assert_eq!(request.headers()["host"], "b:8");
        let cookies: Vec<_> = request.headers().get_all("cookie").iter().collect();
        assert_eq!(cookies, ["a=1; b=2; c=3"]);
    }
}
