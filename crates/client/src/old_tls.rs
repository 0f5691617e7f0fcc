//! Asking whether somebody still speaks an old version of TLS. Nothing is negotiated: a hello of
//! that version is sent by hand, and the first record of the answer says it all.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::peer::Peer;

/// A version that nobody should speak any more (RFC 8996).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldTls {
    One,
    OneOne,
}

impl OldTls {
    pub const ALL: [Self; 2] = [Self::One, Self::OneOne];

    pub fn name(self) -> &'static str {
        match self {
            Self::One => "TLS 1.0",
            Self::OneOne => "TLS 1.1",
        }
    }

    fn bytes(self) -> [u8; 2] {
        match self {
            Self::One => [3, 1],
            Self::OneOne => [3, 2],
        }
    }
}

/// What the first record of an answer to a hello says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hello {
    /// A server's hello of this very version.
    Spoken,
    /// An alert, another version, or the end of the connection.
    Refused,
    /// Nothing that can be told.
    Unknown,
}

/// Whether whoever listens there answers a hello in TLS: with one of its own or with an alert.
pub async fn is_tls(address: std::net::SocketAddr, within: Duration) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(&hello(OldTls::ALL[0], "localhost")).await.ok()?;
        let mut start = [0; 2];
        stream.read_exact(&mut start).await.ok()?;
        Some(matches!(start, [ALERT | HANDSHAKE, 3]))
    };
    matches!(tokio::time::timeout(within, asking).await, Ok(Some(true)))
}

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
/// Suites that servers of that age have: with RSA and ECDSA keys, with and without key exchange.
const SUITES: [u16; 13] = [
    0xc013, 0xc014, 0xc009, 0xc00a, 0xc012, 0x0033, 0x0039, 0x0016, 0x002f, 0x0035, 0x000a, 0x0005,
    // Renegotiation is secure (RFC 5746).
    0x00ff,
];

/// Sends a hello of this version and looks at what comes back.
pub async fn speaks(peer: &Peer, version: OldTls, within: Duration) -> Hello {
    let asking = async {
        let mut stream = TcpStream::connect(peer.address).await.ok()?;
        stream.write_all(&hello(version, peer.name())).await.ok()?;
        let mut start = Vec::new();
        let mut chunk = [0; 64];
        while start.len() < 11 {
            match stream.read(&mut chunk).await {
                Ok(0) | Err(_) => return Some(Hello::Refused),
                Ok(count) => start.extend_from_slice(&chunk[..count]),
            }
        }
        Some(said(&start, version))
    };
    timeout(within, asking).await.ok().flatten().unwrap_or(Hello::Unknown)
}

/// A record is a kind, a version and a length; a handshake in it is a kind, a length and a version.
fn said(start: &[u8], version: OldTls) -> Hello {
    match start {
        [HANDSHAKE, _, _, _, _, SERVER_HELLO, _, _, _, major, minor, ..] => {
            if [*major, *minor] == version.bytes() { Hello::Spoken } else { Hello::Refused }
        }
        _ => Hello::Refused,
    }
}

/// A client's hello (RFC 2246 7.4.1.2, RFC 4366, RFC 4492).
fn hello(version: OldTls, name: &str) -> Vec<u8> {
    let mut extensions = Vec::new();
    if name.parse::<std::net::IpAddr>().is_err() {
        let named = [&[0][..], &sized(name.as_bytes())].concat();
        extension(&mut extensions, 0, &sized(&named));
    }
    // The groups x25519, secp256r1 and secp384r1; points that are not compressed.
    extension(&mut extensions, 10, &sized(&[0, 29, 0, 23, 0, 24]));
    extension(&mut extensions, 11, &[1, 0]);
    let suites: Vec<u8> = SUITES.iter().flat_map(|suite| suite.to_be_bytes()).collect();
    let mut body = version.bytes().to_vec();
    body.extend(std::iter::repeat_n(0x5e, 32));
    body.push(0);
    body.extend(sized(&suites));
    // No compression.
    body.extend([1, 0]);
    body.extend(sized(&extensions));
    let mut handshake = vec![1, 0];
    handshake.extend(sized(&body));
    // The record says 1.0 in every hello, as servers of that age want it.
    [&[HANDSHAKE, 3, 1][..], &sized(&handshake)].concat()
}

fn extension(all: &mut Vec<u8>, kind: u16, content: &[u8]) {
    all.extend(kind.to_be_bytes());
    all.extend(sized(content));
}

/// The bytes with their length before them.
fn sized(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_of_a_hello_are_right() {
        let bytes = hello(OldTls::One, "example.com");
        assert_eq!(usize::from(u16::from_be_bytes([bytes[3], bytes[4]])), bytes.len() - 5);
        assert_eq!(usize::from(u16::from_be_bytes([bytes[7], bytes[8]])), bytes.len() - 9);
        assert!(bytes.windows(11).any(|part| part == b"example.com"));
        assert!(!hello(OldTls::One, "127.0.0.1").windows(4).any(|part| part == b"127."));
    }

    #[test]
    fn only_a_servers_hello_of_that_version_counts() {
        let answer = |minor| [22, 3, 1, 0, 60, 2, 0, 0, 56, 3, minor, 9];
        assert_eq!(said(&answer(1), OldTls::One), Hello::Spoken);
        assert_eq!(said(&answer(2), OldTls::One), Hello::Refused);
        assert_eq!(said(&answer(2), OldTls::OneOne), Hello::Spoken);
        let alert = [21, 3, 1, 0, 2, 2, 70, 0, 0, 0, 0];
        assert_eq!(said(&alert, OldTls::One), Hello::Refused);
        assert_eq!(said(b"HTTP/1.1 400 Bad", OldTls::One), Hello::Refused);
    }
}
