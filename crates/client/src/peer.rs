//! Who is spoken to.

use std::net::SocketAddr;

/// An address with the name by which it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
    /// The value of `Host`.
    pub host: String,
    pub tls: Tls,
}

/// Whether a peer is spoken to over TLS, and whose certificate is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    Off,
    /// The certificate must be valid for the host.
    Verified,
    /// Any certificate will do: a service in the lab has none that an authority signed.
    Unverified,
}

impl Tls {
    pub fn is_on(self) -> bool {
        self != Self::Off
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self { address, host: address.to_string(), tls: Tls::Off }
    }
}

impl Peer {
    /// `http://host` or `https://host`.
    pub fn base(&self) -> String {
        format!("{}://{}", if self.tls.is_on() { "https" } else { "http" }, self.host)
    }

    /// The host without its port: the name for which a certificate must be valid.
    pub fn name(&self) -> &str {
        match self.host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => self.host.rsplit_once(':').map_or(&self.host, |(name, _)| name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_port_and_no_brackets() {
        let named = |host: &str| {
            let address = SocketAddr::from(([127, 0, 0, 1], 1));
            Peer { host: host.to_owned(), ..Peer::from(address) }.name().to_owned()
        };
        assert_eq!(named("example.com"), "example.com");
        assert_eq!(named("example.com:8443"), "example.com");
        assert_eq!(named("[::1]:8443"), "::1");
        assert_eq!(named("[::1]"), "::1");
    }
}
