//! Speaking HTTP/2 without TLS to a service that wants it, as those of gRPC do: one connection for
//! all requests of a worker, opened anew when it has ended.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HOST};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri, Version};
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use layers::Refusal;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::Outgoing;
use super::exchange::{bad_gateway, broke_off, unavailable};
use crate::socket::Socket;

type Body = Pin<Box<Outgoing>>;

/// The connection. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Multiplexed {
    address: std::net::SocketAddr,
    sender: Arc<Mutex<Option<SendRequest<Body>>>>,
}

/// The service is on this machine.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

impl Multiplexed {
    pub(super) fn new(address: std::net::SocketAddr) -> Self {
        Self { address, sender: Arc::default() }
    }

    /// The open connection, or a new one.
    async fn sender(&self) -> Result<SendRequest<Body>, Refusal> {
        let mut kept = self.sender.lock().await;
        if let Some(sender) = kept.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let opening = async {
            let stream = TcpStream::connect(self.address).await.map_err(|_| unavailable())?;
            let _ = stream.set_nodelay(true);
            Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .handshake(TokioIo::new(Socket(stream)))
                .await
                .map_err(|_| bad_gateway("the service does not speak HTTP/2".to_owned()))
        };
        let opened = tokio::time::timeout(CONNECT_WITHIN, opening).await;
        let (sender, connection) = opened.unwrap_or_else(|_| Err(unavailable()))?;
        tokio::spawn(connection);
        *kept = Some(sender.clone());
        Ok(sender)
    }

    /// Sends a request; once more where the connection had ended before it took any of it.
    pub(crate) async fn exchange(
        self,
        request: Request<Outgoing>,
    ) -> Result<Response<Incoming>, Refusal> {
        let mut request = request.map(Box::pin);
        as_http2(&mut request, self.address);
        for again in [true, false] {
            let mut sender = self.sender().await?;
            let mut failed = match sender.try_send_request(request).await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            match failed.take_message() {
                Some(untouched) if again => {
                    self.sender.lock().await.take();
                    request = untouched;
                }
                _ => break,
            }
        }
        Err(broke_off())
    }
}

/// What is written otherwise in HTTP/2 (RFC 9113, 8.2.2 and 8.3.1).
fn as_http2<B>(request: &mut Request<B>, service: std::net::SocketAddr) {
    let host = request.headers_mut().remove(HOST);
    request.headers_mut().remove(CONNECTION);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let authority = authority.or_else(|| Authority::try_from(service.to_string()).ok());
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = authority;
    parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    *request.version_mut() = Version::HTTP_2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_becomes_the_authority_and_nothing_is_for_one_connection() {
        let request = Request::get("/a?b").header(HOST, "c:8").header(CONNECTION, "te");
        let mut request = request.header("te", "trailers").body(()).expect("sound");
        as_http2(&mut request, std::net::SocketAddr::from(([127, 0, 0, 1], 7)));
        assert_eq!(request.uri(), "http://c:8/a?b");
        let names: Vec<_> = request.headers().keys().map(http::HeaderName::as_str).collect();
        assert_eq!(names, ["te"]);
    }
}
