//! A third party's place in the lab: it answers what it is told to, and remembers what it was asked.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::ports::Lease;

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: String,
    /// How long it takes over it.
    pub delay: Duration,
}

impl Default for Reply {
    /// An empty JSON object, at once.
    fn default() -> Self {
        Self { status: 200, body: "{}".to_owned(), delay: Duration::ZERO }
    }
}

/// What it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub at: Instant,
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    reply: Reply,
    asked: Vec<Asked>,
}

/// A stand-in over HTTP. It ends with this value.
#[derive(Debug)]
pub struct StandIn {
    pub name: String,
    lease: Lease,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl StandIn {
    /// Listens on the leased port.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub async fn start(name: &str, lease: Lease) -> std::io::Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lease.port));
        let listener = TcpListener::bind(address).await?;
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Ok(Self { name: name.to_owned(), lease, state, serving })
    }

    /// Its address, as the service gets it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.lease.port)
    }

    /// What it answers from now on.
    pub fn answer_with(&self, reply: Reply) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).reply = reply;
    }

    /// Everything that it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).asked.clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(stream: TcpStream, state: Arc<Mutex<State>>) {
    let service = service_fn(|request| answer(request, Arc::clone(&state)));
    // A client that leaves early is its own affair.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let at = Instant::now();
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = head.headers.iter();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value.as_bytes())));
    let headers = headers.collect();
    let reply = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let method = head.method.to_string();
        state.asked.push(Asked { at, method, target, headers, body });
        state.reply.clone()
    };
    tokio::time::sleep(reply.delay).await;
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    if let Ok(status) = reply.status.try_into() {
        *response.status_mut() = status;
    }
    let json = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, json);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_answers_what_it_is_told_and_remembers_what_it_was_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let lease = crate::ports::lease(folder.path()).expect("a free port");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, lease.port));
        let stand_in = StandIn::start("stripe", lease).await.expect("it listens");
        let request = client::Request::new("POST", "/v1/charges?a=1")
            .header("Authorization", "Bearer key")
            .body("amount=5");
        let within = Duration::from_secs(5);
        let first = client::once(address, &request, within).await;
        assert_eq!(first.status(), Some(200));
        let delay = Duration::from_millis(120);
        stand_in.answer_with(Reply { status: 503, body: "down".to_owned(), delay });
        let second = client::once(address, &request, within).await;
        assert_eq!(second.status(), Some(503));
        assert!(second.took >= delay, "{:?}", second.took);
        let asked = stand_in.asked();
        assert_eq!(asked.len(), 2);
        assert_eq!(
            (asked[0].method.as_str(), asked[0].target.as_str()),
            ("POST", "/v1/charges?a=1")
        );
        assert_eq!(asked[0].body, b"amount=5");
        assert!(asked[0].headers.contains(&("authorization".to_owned(), "Bearer key".to_owned())));
    }
}
