//! TLS for clients (rustls): certificates of one's own, chosen by the name that a client asks for,
//! and read anew when their files change. HTTP/2 or HTTP/1.1 is spoken on it; TLS 1.2 and 1.3, with the suites
//! of Mozilla's intermediate recommendation, which are rustls' own.

mod certificates;
pub(crate) mod facts;
mod follow;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use http::HeaderValue;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use self::certificates::{Certificates, Current};
use crate::acme::{self, Acme};
use crate::config::TlsConfig;

/// The files of one certificate: its chain and its key, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate first, then those that lead to an authority.
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// What TLS is spoken with. Clones are one.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    files: Arc<Files>,
}

/// Where certificates are read from.
#[derive(Debug)]
struct Files {
    own: Vec<CertificateFiles>,
    /// One that is ordered.
    acme: Option<Acme>,
}

impl Files {
    /// Those that are there: one that is ordered may still be under way.
    fn now(&self) -> Vec<CertificateFiles> {
        let ordered = self.acme.as_ref().map(Acme::file).filter(|file| file.exists());
        let ordered = ordered.map(|file| CertificateFiles { certificate: file.clone(), key: file });
        self.own.iter().cloned().chain(ordered).collect()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the certificates; nothing without any. `http2` offers it to clients that know it.
    ///
    /// # Errors
    /// Which file is wrong, and how.
    pub(crate) fn open(declared: &TlsConfig, http2: bool) -> Result<Option<Self>, String> {
        if declared.certificates.is_empty() && declared.acme.is_none() {
            return Ok(None);
        }
        let acme = declared.acme.clone().map(Acme::open).transpose()?;
        let files = Files { own: declared.certificates.clone(), acme };
        let answers = files.acme.as_ref().map(|acme| acme.answers().clone());
        let mut protocols: Vec<&[u8]> =
            if http2 { vec![b"h2", b"http/1.1"] } else { vec![b"http/1.1"] };
        protocols.extend(answers.as_ref().map(|_| acme::PROTOCOL));
        let current = Arc::new(Current::new(Certificates::read(&files.now())?, answers));
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&versions)
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let config = match &declared.clients {
            Some(clients) => config.with_client_cert_verifier(verifier(&clients.authorities)?),
            None => config.with_no_client_auth(),
        };
        let mut config = config.with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = protocols.into_iter().map(<[u8]>::to_vec).collect();
        // Who comes again need not agree on everything anew.
        config.ticketer = ring::Ticketer::new().map_err(|error| format!("no tickets: {error}"))?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Some(Self { acceptor, current, files: Arc::new(files) }))
    }

    /// Agrees with a client. `None` where they do not agree, or not in time.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        within: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        let agreed = tokio::time::timeout(within, self.acceptor.accept(stream)).await.ok()?.ok()?;
        // An authority that asks for a certificate asks for nothing else (RFC 8737, 3).
        (agreed.get_ref().1.alpn_protocol() != Some(acme::PROTOCOL)).then_some(agreed)
    }

    /// The certificate that is ordered.
    pub(crate) fn acme(&self) -> Option<&Acme> {
        self.files.acme.as_ref()
    }

    /// Reads the certificates anew whenever their files change, and says when one is about to end.
    pub(crate) async fn follow(self, say: impl Fn(&str)) {
        follow::follow(|| self.files.now(), &self.current, say).await;
    }
}

/// Who may show a certificate: whoever these have issued one. Whether one must be shown is asked later,
/// by route.
fn verifier(authorities: &Path) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let wrong = |why: String| {
        let file = authorities.display();
        format!(
            "{file}: expected certificates of authorities as PEM, found none that can be used: {why}"
        )
    };
    let read = CertificateDer::pem_file_iter(authorities).and_then(Iterator::collect);
    let read: Vec<_> = read.map_err(|error| wrong(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(read);
    let provider = Arc::new(ring::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    builder.allow_unauthenticated().build().map_err(|error| wrong(error.to_string()))
}

/// The certificate that a client has shown, as a header has it (RFC 9440, 2.2).
pub(crate) fn shown(stream: &TlsStream<TcpStream>) -> Option<HeaderValue> {
    let certificate = stream.get_ref().1.peer_certificates()?.first()?;
    let text = format!(":{}:", base64::engine::general_purpose::STANDARD.encode(certificate));
    HeaderValue::from_str(&text).ok()
}
