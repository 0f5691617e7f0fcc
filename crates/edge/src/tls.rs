//! TLS for clients (rustls): certificates of one's own, chosen by the name that a client asks for,
//! and read anew when their files change. HTTP/2 or HTTP/1.1 is spoken on it; TLS 1.2 and 1.3, with the suites
//! of Mozilla's intermediate recommendation, which are rustls' own.

mod certificates;
mod follow;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use self::certificates::{Certificates, Current};

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
    files: Arc<Vec<CertificateFiles>>,
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
    pub(crate) fn open(files: &[CertificateFiles], http2: bool) -> Result<Option<Self>, String> {
        if files.is_empty() {
            return Ok(None);
        }
        let current = Arc::new(Current::new(Certificates::read(files)?));
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&versions)
            .map_err(|error| format!("TLS cannot be set up: {error}"))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(&current) as _);
        config.alpn_protocols = [&b"h2"[..], b"http/1.1"]
            .iter()
            .skip(usize::from(!http2))
            .map(|one| one.to_vec())
            .collect();
        // Who comes again need not agree on everything anew.
        config.ticketer = ring::Ticketer::new().map_err(|error| format!("no tickets: {error}"))?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Some(Self { acceptor, current, files: Arc::new(files.to_vec()) }))
    }

    /// Agrees with a client. `None` where they do not agree, or not in time.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
        within: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        tokio::time::timeout(within, self.acceptor.accept(stream)).await.ok()?.ok()
    }

    /// Reads the certificates anew whenever their files change, and says when one is about to end.
    pub(crate) async fn follow(self, say: impl Fn(&str)) {
        follow::follow(&self.files, &self.current, say).await;
    }
}
