//! The stream below a connection: TCP, or TLS over it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

mod unverified;

/// What bytes go over.
#[derive(Debug)]
pub enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Mozilla's roots, and what `SSL_CERT_FILE` names: a private authority is declared as it is for
/// other programs.
fn config() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
        if let Some(file) = std::env::var_os("SSL_CERT_FILE")
            && let Ok(pem) = std::fs::read(file)
        {
            use rustls_pki_types::CertificateDer;
            use rustls_pki_types::pem::PemObject;
            let certificates = CertificateDer::pem_slice_iter(&pem).flatten();
            roots.add_parsable_certificates(certificates);
        }
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    });
    Arc::clone(config)
}

impl Wire {
    /// Shakes hands for this name.
    ///
    /// # Errors
    /// When the certificate is not valid for it, or the protocol fails.
    pub async fn secure(stream: TcpStream, name: &str) -> io::Result<Self> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(config());
        Ok(Self::Tls(Box::new(connector.connect(name, stream).await?)))
    }

    /// Shakes hands and takes any certificate.
    ///
    /// # Errors
    /// When the protocol fails.
    pub async fn unverified(stream: TcpStream, name: &str) -> io::Result<Self> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(unverified::config());
        Ok(Self::Tls(Box::new(connector.connect(name, stream).await?)))
    }

    /// The certificate of the other side, in DER, where there is one.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => {
                let (_, session) = stream.get_ref();
                session.peer_certificates()?.first().map(|one| one.as_ref().to_vec())
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
