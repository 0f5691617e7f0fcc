//! One request on a connection of its own.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::connection::Connection;
use crate::exchange::{End, Exchange};
use crate::message::Request;
use crate::peer::Peer;

impl Peer {
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

/// One request on a connection of its own, which is closed afterwards.
pub async fn once(address: SocketAddr, request: &Request, within: Duration) -> Exchange {
    Peer::from(address).once(request, within).await
}

#[cfg(test)]
mod tests;
