//! The plain listener beside TLS: sends everybody to the same place over HTTPS.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::acme::Answers;
use crate::descriptors::Places;
use crate::ingress_check::is_host;
use crate::timer::ConnectionTimer;

/// So long a client may take for its request.
const WITHIN: Duration = Duration::from_secs(10);

/// After a failure to accept, or where all places are taken, it is tried again so soon.
const AGAIN: Duration = Duration::from_millis(10);

/// Redirects for as long as it is polled. `port` is where TLS is spoken; who comes here takes a place
/// like everybody else.
pub(crate) async fn redirect(
    listener: TcpListener,
    port: u16,
    places: Places,
    answers: Option<Answers>,
) {
    loop {
        if places.is_full() {
            tokio::time::sleep(AGAIN).await;
            continue;
        }
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        let place = places.take();
        let answers = answers.clone();
        let answer = move |request: Request<Incoming>| {
            let text = answers.as_ref().and_then(|answers| answers.text(request.uri().path()));
            let answer = text.map_or_else(|| answer(&request, port), proof);
            async move { Ok::<_, Infallible>(answer) }
        };
        let connection = http1::Builder::new()
            .timer(ConnectionTimer::default())
            .header_read_timeout(WITHIN)
            .serve_connection(TokioIo::new(stream), service_fn(answer));
        // Who breaks off is told nothing.
        tokio::spawn(async move {
            let _place = place;
            let _ = tokio::time::timeout(2 * WITHIN, connection).await;
        });
    }
}

/// What an authority asks for.
fn proof(text: String) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(text));
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

fn answer<B>(request: &Request<B>, port: u16) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::default());
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    match location(request, port) {
        Some(location) => {
            // The method stays, and so does the body (RFC 9110, 15.4.9).
            *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
            answer.headers_mut().insert(LOCATION, location);
        }
        None => *answer.status_mut() = StatusCode::BAD_REQUEST,
    }
    answer
}

fn location<B>(request: &Request<B>, port: u16) -> Option<HeaderValue> {
    let host = request.headers().get(HOST)?.as_bytes();
    let host = std::str::from_utf8(host).ok().filter(|host| is_host(host.as_bytes()))?;
    // A port in it is the one of plain HTTP.
    let bare = match host.rsplit_once(':') {
        Some((bare, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        _ => host,
    };
    if bare.is_empty() {
        return None;
    }
    let port = if port == 443 { String::new() } else { format!(":{port}") };
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('/') { path } else { "/" };
    HeaderValue::from_str(&format!("https://{bare}{port}{path}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_place_over_https() {
        let ask = |host: &str, path: &str, port| {
            let request = Request::get(path).header(HOST, host).body(()).expect("sound");
            let answer = answer(&request, port);
            let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            (answer.status().as_u16(), to.map(str::to_owned))
        };
        let to = |text: &str| (308, Some(text.to_owned()));
        assert_eq!(ask("a.example", "/b?c=d", 443), to("https://a.example/b?c=d"));
        assert_eq!(ask("a.example:80", "/", 8443), to("https://a.example:8443/"));
        assert_eq!(ask("[::1]:80", "/x", 443), to("https://[::1]/x"));
        for host in ["", "a b", "a@b.example", "a/b"] {
            assert_eq!(ask(host, "/", 443), (400, None), "{host}");
        }
    }
}
