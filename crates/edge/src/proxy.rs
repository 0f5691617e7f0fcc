//! The innermost service: hands a request to the service behind the edge and its answer back,
//! streaming both ways. Never sends a request twice, unless not a byte of it had been taken, or it
//! only asks (GET, HEAD, OPTIONS without a body) and a kept connection ended without an answer.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{
    CONNECTION, EXPECT, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::Uri;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use hyper::body::Incoming;
use layers::{Refusal, Verified, list};
use tower_service::Service;

use crate::answer::Answer;
use crate::tunnels::{Tunnel, Tunnels};
use crate::upstream::{Exchange, Outgoing, Pool, Replied};

/// The service behind the edge.
#[derive(Debug, Clone)]
pub(crate) struct Proxy {
    pub(crate) pool: Pool,
    pub(crate) tunnels: Tunnels,
}

impl Service<Request<Outgoing>> for Proxy {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Forwarding;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Outgoing>) -> Forwarding {
        let wanted = upgrade(request.headers());
        let tunnel = wanted.as_ref().map(|wanted| {
            let left = request.extensions().get::<Verified>().and_then(Verified::left);
            let websocket = wanted.as_bytes().eq_ignore_ascii_case(b"websocket");
            Box::new(Tunnel { client: hyper::upgrade::on(&mut request), websocket, left })
        });
        prepare(&mut request, wanted.as_ref(), self.pool.address());
        if let Some(multiplexed) = self.pool.multiplexed() {
            return Forwarding::Stream(Box::pin(multiplexed.clone().exchange(request)));
        }
        let exchange = Exchange::begin(&self.pool, request, tunnel.is_some());
        Forwarding::Exchange { exchange, tunnel, tunnels: self.tunnels.clone() }
    }
}

type Streaming = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Refusal>> + Send>>;

/// A request on its way to the service and back.
pub(crate) enum Forwarding {
    Exchange {
        exchange: Exchange,
        /// The client's end, where it asked for another protocol.
        tunnel: Option<Box<Tunnel>>,
        tunnels: Tunnels,
    },
    /// To a service that speaks HTTP/2.
    Stream(Streaming),
}

impl Future for Forwarding {
    type Output = Result<Response<Answer>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (exchange, tunnel, tunnels) = match &mut *self {
            Self::Exchange { exchange, tunnel, tunnels } => (exchange, tunnel, tunnels),
            Self::Stream(streaming) => {
                let answer = ready!(streaming.as_mut().poll(context));
                return Poll::Ready(Ok(match answer {
                    Ok(answer) => answer.map(|body| Answer::Stream { body: Box::new(body) }),
                    Err(refusal) => refusal.answer().map(Answer::from),
                }));
            }
        };
        let replied = ready!(Pin::new(exchange).poll(context));
        let mut answer = match replied {
            Ok(Replied::Whole(answer)) => answer.map(Answer::from),
            Ok(Replied::Begun(answer)) => answer.map(Answer::service),
            Ok(Replied::Switched(answer, service, ahead)) => {
                if let Some(tunnel) = tunnel.take() {
                    tokio::spawn(tunnel.join(tunnels.enter(), service, ahead));
                }
                return Poll::Ready(Ok(answer.map(|()| Answer::from(Bytes::new()))));
            }
            Err(refusal) => return Poll::Ready(Ok(refusal.answer().map(Answer::from))),
        };
        forget_named(answer.headers_mut());
        hop_by_hop(answer.headers_mut());
        Poll::Ready(Ok(answer))
    }
}

/// The protocol that a client asks to switch to. Not another version of HTTP, in which requests
/// would pass by everything that stands before the service.
fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = list::has(headers, &CONNECTION, "upgrade");
    let http = |wanted: &HeaderValue| {
        let wanted = wanted.as_bytes().to_ascii_lowercase();
        ["h2", "http", "tls"]
            .iter()
            .any(|one| wanted.windows(one.len()).any(|w| w == one.as_bytes()))
    };
    headers.get(UPGRADE).filter(|wanted| asks && !http(wanted)).cloned()
}

/// Makes a request one that a proxy may send on.
fn prepare<B>(request: &mut Request<B>, wanted: Option<&HeaderValue>, service: SocketAddr) {
    let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
    if let Some(authority) = authority {
        // In absolute form the target counts, and Host does not (RFC 9112, 3.2.2); who asks is no
        // part of it (RFC 9110, 4.2.4).
        let host = authority.rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
        if let Ok(host) = HeaderValue::from_str(host) {
            request.headers_mut().insert(HOST, host);
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        // `http://host?a` has no path, and a request line must have one (RFC 9112, 3.2.1).
        let slash = if path.starts_with(['/', '*']) { "" } else { "/" };
        *request.uri_mut() = format!("{slash}{path}").parse().unwrap_or(Uri::from_static("/"));
    }
    let headers = request.headers_mut();
    if !headers.contains_key(HOST) {
        // HTTP/1.0 may come without; HTTP/1.1, as which it goes on, may not.
        let host = HeaderValue::from_str(&service.to_string());
        headers.insert(HOST, host.unwrap_or(HeaderValue::from_static("")));
    }
    let trailers = list::has(headers, &TE, "trailers");
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

const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Takes away the headers that a message names as meant for one connection only (RFC 9110, 7.6.1).
/// From a request before anything else, so that a client cannot name what the edge adds.
pub(crate) fn forget_named(headers: &mut HeaderMap) {
    // By far the most messages name nothing.
    let plain = |value: &HeaderValue| {
        let usual = [&b"keep-alive"[..], b"close"];
        usual.iter().any(|word| value.as_bytes().eq_ignore_ascii_case(word))
    };
    if headers.get_all(CONNECTION).iter().all(plain) {
        return;
    }
    let named: Vec<HeaderName> = list::members(headers, &CONNECTION)
        .filter_map(|name| HeaderName::from_bytes(name).ok())
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
    static NAMES: [HeaderName; 8] = [
        CONNECTION,
        HTTP2_SETTINGS,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        PROXY_AUTHENTICATE,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    // One look at each that is there is cheaper than looking each of these up.
    while let Some(name) = headers.keys().find(|name| NAMES.contains(name)).cloned() {
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
        for (wanted, passes) in [("websocket", true), ("h2c", false), ("HTTP/2.0", false)] {
            let asked = [(CONNECTION, "Upgrade"), (UPGRADE, wanted)];
            let asked = asked.map(|(name, value)| (name, HeaderValue::from_static(value)));
            assert_eq!(upgrade(&asked.into_iter().collect()).is_some(), passes, "{wanted}");
        }
        forget_named(&mut headers);
        hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "authorization"]);
    }

    #[test]
    fn the_target_is_the_host_without_its_user() {
        let request = Request::get("http://ann:pw@b:8/c?d").header(HOST, "a");
        let mut request = request.body(()).expect("sound");
        prepare(&mut request, None, SocketAddr::from(([127, 0, 0, 1], 7)));
        assert_eq!(request.headers()[HOST], "b:8");
        assert_eq!(*request.uri(), "/c?d");
    }

    #[test]
    fn one_odd_byte_hides_nothing() {
        let mut headers = HeaderMap::new();
        headers.insert("x-secret", HeaderValue::from_static("1"));
        let odd = HeaderValue::from_bytes(b"x-secret, \xff").expect("allowed");
        headers.insert(CONNECTION, odd);
        forget_named(&mut headers);
        assert!(!headers.contains_key("x-secret"));
    }

    #[test]
    fn a_target_without_a_path_gets_one() {
        let mut request = Request::get("http://b?x=1").body(()).expect("sound");
        prepare(&mut request, None, SocketAddr::from(([127, 0, 0, 1], 7)));
        assert_eq!(*request.uri(), "/?x=1");
        let gzip = Request::get("/").header(TE, "gzip;q=0.5, trailers");
        let mut request = gzip.body(()).expect("sound");
        prepare(&mut request, None, SocketAddr::from(([127, 0, 0, 1], 7)));
        assert_eq!(request.headers()[TE], "trailers");
    }

    #[test]
    fn an_old_request_gets_a_host_and_trailers_may_come() {
        let mut request =
            Request::get("/").version(http::Version::HTTP_10).body(()).expect("sound");
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
