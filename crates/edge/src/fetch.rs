//! Asking somebody else over HTTPS: each request on a connection of its own, with the authorities that
//! this machine trusts. No redirection is followed: who is asked was declared.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// The longest answer, in bytes.
const LONGEST: usize = 256 * 1024;
/// The longest time for all of it.
const WITHIN: Duration = Duration::from_secs(10);

/// Whoever can be asked. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Web(Arc<ClientConfig>);

impl Web {
    /// Trusts whom this machine trusts, and the authorities in this file of PEM.
    ///
    /// # Errors
    /// When that is nobody.
    pub(crate) fn trusting(more: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        if let Some(file) = more {
            let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
            let read: Vec<_> = read.map_err(|error| format!("{}: {error}", file.display()))?;
            roots.add_parsable_certificates(read);
        }
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err("this machine trusts no authority: install ca-certificates".to_owned());
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(Self(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
    }

    /// Sends a request to where its URL says.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub(crate) async fn send<B>(&self, request: Request<B>) -> Result<Response<Bytes>, String>
    where
        B: http_body::Body + Send + Unpin + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let sending = async {
            let host = request.uri().host().ok_or("it has no host")?.to_owned();
            let tls = request.uri().scheme_str() == Some("https");
            let port = request.uri().port_u16().unwrap_or(if tls { 443 } else { 80 });
            let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
            let stream = TcpStream::connect((bare.as_str(), port)).await;
            let stream =
                stream.map_err(|error| format!("{host}:{port} cannot be reached: {error}"))?;
            if !tls {
                return ask(stream, request).await;
            }
            let name = ServerName::try_from(bare).map_err(|error| error.to_string())?;
            let connecting = TlsConnector::from(Arc::clone(&self.0)).connect(name, stream);
            let stream =
                connecting.await.map_err(|error| format!("no TLS with {host}: {error}"))?;
            ask(stream, request).await
        };
        let sent = tokio::time::timeout(WITHIN, sending).await;
        sent.unwrap_or_else(|_| Err("it did not come in time".to_owned()))
    }
}

/// Gets the document at a URL.
///
/// # Errors
/// Why there is none, in words.
pub(crate) async fn fetch(url: &Uri, accept: &'static str) -> Result<Bytes, String> {
    let request = Request::get(url).header(ACCEPT, accept).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| error.to_string())?;
    let answer = Web::trusting(None)?.send(request).await?;
    match answer.status() {
        StatusCode::OK => Ok(answer.into_body()),
        status => Err(format!("expected 200, found {}", status.as_u16())),
    }
}

async fn ask<B>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut request: Request<B>,
) -> Result<Response<Bytes>, String>
where
    B: http_body::Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let words = |error: hyper::Error| format!("it broke off: {error}");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(words)?;
    let driving = tokio::spawn(connection);
    let authority = request.uri().authority().map_or("", http::uri::Authority::as_str);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = HeaderValue::from_str(host).map_err(|error| error.to_string())?;
    request.headers_mut().insert(HOST, host);
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
    let (head, body) = sender.send_request(request).await.map_err(words)?.into_parts();
    let body = Limited::new(body, LONGEST).collect().await;
    driving.abort();
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    Ok(Response::from_parts(head, body))
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
