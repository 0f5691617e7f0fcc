//! The innermost service: hands a request to the service behind the edge and its answer back,
//! streaming both ways. Never sends a request twice, unless not a byte of it had been sent.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CONNECTION, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::Uri;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use layers::{Bounded, Refusal, Upload};
use tower_service::Service;

use crate::answer::Answer;
use crate::pool::{Lease, Pool};

/// The body of a request on its way to the service.
pub(crate) type Outgoing = Upload<Bounded<Incoming>>;

/// The service behind the edge.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    pub(crate) pool: Pool,
    pub(crate) tunnels: Tunnels,
}

/// How many connections have switched protocols and live on. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tunnels(Arc<AtomicUsize>);

/// One of them.
struct Inside(Tunnels);

impl Tunnels {
    fn enter(&self) -> Inside {
        self.0.fetch_add(1, Ordering::AcqRel);
        Inside(self.clone())
    }

    /// Waits until none is left.
    pub(crate) async fn ended(&self) {
        while self.0.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Service<Request<Outgoing>> for Proxy {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Outgoing>) -> Self::Future {
        let (pool, tunnels) = (self.pool.clone(), self.tunnels.clone());
        Box::pin(async move {
            let answer = forward(&pool, &tunnels, request).await;
            Ok(answer.unwrap_or_else(|refusal| refusal.answer().map(Answer::from)))
        })
    }
}

async fn forward(
    pool: &Pool,
    tunnels: &Tunnels,
    mut request: Request<Outgoing>,
) -> Result<Response<Answer>, Refusal> {
    let wanted = upgrade(request.headers());
    let client = wanted.as_ref().map(|_| hyper::upgrade::on(&mut request));
    prepare(&mut request, wanted.as_ref(), pool.address());
    let (answer, lease) = send(pool, request).await?;
    let (mut head, mut body) = answer.into_parts();
    let switched = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if let (true, Some(client)) = (switched, client) {
        let mut answer = Response::from_parts(head, ());
        let service = hyper::upgrade::on(&mut answer);
        tokio::spawn(tunnel(tunnels.enter(), client, service));
        return Ok(answer.map(|()| Answer::from(Bytes::new())));
    }
    if switched {
        return Err(bad_gateway("the service switched protocols, and nobody had asked it to"));
    }
    forget_named(&mut head.headers);
    hop_by_hop(&mut head.headers);
    head.version = Version::HTTP_11;
    if body_is_empty(&mut body) {
        lease.give_back();
        return Ok(Response::from_parts(head, Answer::from(Bytes::new())));
    }
    Ok(Response::from_parts(head, Answer::service(body, lease)))
}

fn body_is_empty(body: &mut Incoming) -> bool {
    http_body::Body::is_end_stream(body)
}

/// Sends it on a used connection; when that turns out to be closed, on a new one.
async fn send(
    pool: &Pool,
    mut request: Request<Outgoing>,
) -> Result<(Response<Incoming>, Lease), Refusal> {
    while let Some(mut lease) = pool.used().await {
        match lease.sender.try_send_request(request).await {
            Ok(answer) => return Ok((answer, lease)),
            Err(mut error) => match error.take_message() {
                Some(unsent) => request = unsent,
                None => return Err(broken(&error.into_error())),
            },
        }
    }
    // Rare and large: kept out of the future that every request moves.
    let fresh = Box::pin(pool.fresh()).await;
    let mut lease = fresh.map_err(|_| {
        let message = "the service takes no connections at the moment";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", message).retry_after(1)
    })?;
    match lease.sender.try_send_request(request).await {
        Ok(answer) => Ok((answer, lease)),
        Err(error) => Err(broken(&error.into_error())),
    }
}

fn broken(error: &hyper::Error) -> Refusal {
    match error.is_parse() {
        true => bad_gateway("the service answered something that is not HTTP"),
        false => bad_gateway("the service broke off"),
    }
}

fn bad_gateway(message: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, "bad_gateway", message)
}

/// Joins the two ends until one closes.
async fn tunnel(_inside: Inside, client: OnUpgrade, service: OnUpgrade) {
    if let (Ok(client), Ok(service)) = tokio::join!(client, service) {
        let (mut client, mut service) = (TokioIo::new(client), TokioIo::new(service));
        // Either end may break off; both are closed then.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut service).await;
    }
}

/// The protocol that a client asks to switch to.
fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let asked = asked.flat_map(|value| value.split(','));
    let asks = asked.into_iter().any(|word| word.trim().eq_ignore_ascii_case("upgrade"));
    headers.get(UPGRADE).filter(|_| asks).cloned()
}

/// Makes a request one that a proxy may send on.
fn prepare<B>(request: &mut Request<B>, wanted: Option<&HeaderValue>, service: SocketAddr) {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    if let Some(authority) = authority {
        // In absolute form the target counts, and Host does not (RFC 9112, 3.2.2).
        if let Ok(host) = HeaderValue::from_str(&authority) {
            request.headers_mut().insert(HOST, host);
        }
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or(Uri::from_static("/"), Uri::from);
    }
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    if !headers.contains_key(HOST) {
        // HTTP/1.0 may come without; HTTP/1.1, as which it goes on, may not.
        let host = HeaderValue::from_str(&service.to_string());
        headers.insert(HOST, host.unwrap_or(HeaderValue::from_static("")));
    }
    let trailers =
        headers.get_all(TE).iter().any(|value| value.as_bytes().starts_with(b"trailers"));
    hop_by_hop(headers);
    if trailers {
        // They are passed on, so the service may send them.
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    // The edge has answered it by reading the body.
    headers.remove(EXPECT);
    headers.remove(PROXY_AUTHORIZATION);
    if let Some(protocol) = wanted {
        headers.append(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Takes away the headers that a message names as meant for one connection only (RFC 9110, 7.6.1).
/// From a request before anything else, so that a client cannot name what the edge adds.
pub(crate) fn forget_named(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        // Without the first three a message would be another one; the others have a place of their own.
        let kept =
            ["host", "content-length", "authorization", "transfer-encoding", "upgrade", "te"];
        if !kept.contains(&name.as_str()) {
            headers.remove(name);
        }
    }
}

/// Takes away what is meant for one connection only, whether it is named or not.
fn hop_by_hop(headers: &mut HeaderMap) {
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        PROXY_AUTHENTICATE,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_one_connection_is_taken_away() {
        let pairs = [
            ("connection", "close, X-Secret, Authorization"),
            ("x-secret", "1"),
            ("authorization", "Bearer a"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("accept", "*/*"),
        ];
        let mut headers: HeaderMap = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        assert_eq!(upgrade(&headers), None);
        forget_named(&mut headers);
        hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "authorization"]);
    }

    #[test]
    fn an_old_request_gets_a_host_and_trailers_may_come() {
        let mut request = Request::get("/").version(Version::HTTP_10).body(()).expect("sound");
        request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        prepare(&mut request, None, SocketAddr::from(([127, 0, 0, 1], 7)));
        let headers = request.headers();
        assert_eq!(
            (headers[HOST].as_bytes(), headers[TE].as_bytes()),
            (&b"127.0.0.1:7"[..], &b"trailers"[..])
        );
        assert_eq!(headers[CONNECTION], "te");
    }
}
