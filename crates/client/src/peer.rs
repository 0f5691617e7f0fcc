//! Who is spoken to.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::exchange::{End, Exchange};
use crate::message::Request;

/// An address with the name by which it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
    /// The value of `Host`.
    pub host: String,
    /// Whether it is spoken to over TLS; the certificate must be valid for the host.
    pub tls: bool,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self { address, host: address.to_string(), tls: false }
    }
}

impl Peer {
    /// `http://host` or `https://host`.
    pub fn base(&self) -> String {
        format!("{}://{}", if self.tls { "https" } else { "http" }, self.host)
    }

    /// One request on a connection of its own, which is closed afterwards.
    pub async fn once(&self, request: &Request, within: Duration) -> Exchange {
        let began = Instant::now();
        match Connection::to(self, within).await {
            Ok(mut connection) => {
                let left = within.saturating_sub(began.elapsed());
                let connected = Some(connection.connected_in);
                Exchange { connected, ..connection.exchange(request, left).await }
            }
            Err(reason) => Exchange::begun(began, 0).done(None, End::NotConnected(reason)),
        }
    }
}
