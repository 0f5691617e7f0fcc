//! A document of somebody else's, over HTTPS: one GET on a connection of its own, with the
//! authorities that this machine trusts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The longest document, in bytes.
const LONGEST: usize = 256 * 1024;
/// The longest time for all of it.
const WITHIN: Duration = Duration::from_secs(10);

/// Gets the document at a URL. It follows no redirection: who it is asked of was declared.
///
/// # Errors
/// Why there is none, in words.
pub(crate) async fn fetch(url: &Uri, accept: &'static str) -> Result<Bytes, String> {
    let fetching = async {
        let host = url.host().ok_or("it has no host")?;
        let tls = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, port)).await;
        let stream = stream.map_err(|error| format!("{host}:{port} cannot be reached: {error}"))?;
        if !tls {
            return ask(stream, url, accept).await;
        }
        let name = ServerName::try_from(bare.to_owned()).map_err(|error| error.to_string())?;
        let connecting = TlsConnector::from(Arc::new(trusting()?)).connect(name, stream);
        let stream = connecting.await.map_err(|error| format!("no TLS with {host}: {error}"))?;
        ask(stream, url, accept).await
    };
    let fetched = tokio::time::timeout(WITHIN, fetching).await;
    fetched.unwrap_or_else(|_| Err("it did not come in time".to_owned()))
}

/// Trusts whom this machine trusts.
fn trusting() -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let known = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(known.certs);
    if roots.is_empty() {
        return Err("this machine trusts no authority: install ca-certificates".to_owned());
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    url: &Uri,
    accept: &'static str,
) -> Result<Bytes, String> {
    let words = |error: hyper::Error| format!("it broke off: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(words)?;
    let driving = tokio::spawn(connection);
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let request = Request::get(url.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, host)
        .header(ACCEPT, accept)
        .header(USER_AGENT, concat!("seaworthy/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(words)?;
    let status = answer.status();
    if status != StatusCode::OK {
        return Err(format!("expected 200, found {}", status.as_u16()));
    }
    let body = Limited::new(answer.into_body(), LONGEST).collect().await;
    driving.abort();
    body.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    async fn from(answer: &'static str) -> Result<Bytes, String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/keys?a=1", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("accepted");
            let mut asked = [0; 1024];
            let count = stream.read(&mut asked).await.expect("asked");
            assert!(asked[..count].starts_with(b"GET /keys?a=1 HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.expect("answered");
        });
        fetch(&url.parse().expect("a URL"), "application/json").await
    }

    #[tokio::test]
    async fn a_document_comes_whole_or_not_at_all() {
        let good = from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        assert_eq!(good.as_deref(), Ok(&b"{}"[..]));
        let moved = from("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(moved, Err("expected 200, found 302".to_owned()));
        assert!(from("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}").await.is_err());
        assert!(from("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n").await.is_err());
        let nobody = fetch(&"http://127.0.0.1:1/".parse().expect("a URL"), "a/b").await;
        assert!(nobody.expect_err("closed").contains("cannot be reached"));
    }
}
