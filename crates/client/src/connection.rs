//! One TCP connection.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep_until, timeout};

use crate::exchange::{End, Exchange};
use crate::message::{Request, Response};
use crate::not_connected::NotConnected;
use crate::parse::{Progress, parse};
use crate::peer::{Peer, Tls};
use crate::wire::Wire;

/// An open connection that remembers how often it was used.
#[derive(Debug)]
pub struct Connection {
    stream: Wire,
    host: String,
    buffer: Vec<u8>,
    /// How long connecting took.
    pub connected_in: Duration,
    /// How many answers it has carried.
    pub answers: u32,
    /// Why it will carry no more, if so.
    ended: Option<Ended>,
}

/// How the other side ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// In order: FIN.
    Closed,
    /// RST.
    Reset,
}

impl Connection {
    /// Connects once, over TLS where the peer wants it.
    ///
    /// # Errors
    /// Refused, timed out, a certificate that is not valid, or otherwise impossible.
    pub async fn to(peer: &Peer, within: Duration) -> Result<Self, NotConnected> {
        let began = Instant::now();
        let other = |error: io::Error| match error.kind() {
            io::ErrorKind::ConnectionRefused => NotConnected::Refused,
            _ => NotConnected::Other(error.to_string()),
        };
        let connecting = async {
            let stream = TcpStream::connect(peer.address).await.map_err(other)?;
            // Small pieces are sent on purpose; they must leave when they are written.
            stream.set_nodelay(true).map_err(other)?;
            match peer.tls {
                Tls::Off => Ok(Wire::Plain(stream)),
                Tls::Verified => Wire::secure(stream, peer.name()).await.map_err(other),
                Tls::Unverified => Wire::unverified(stream, peer.name()).await.map_err(other),
            }
        };
        let wire = timeout(within, connecting).await;
        Ok(Self {
            stream: wire.unwrap_or(Err(NotConnected::TimedOut(within)))?,
            host: peer.host.clone(),
            buffer: Vec::new(),
            connected_in: began.elapsed(),
            answers: 0,
            ended: None,
        })
    }

    /// The certificate of the other side, in DER.
    pub fn certificate(&self) -> Option<Vec<u8>> {
        self.stream.certificate()
    }

    /// Sends raw bytes.
    ///
    /// # Errors
    /// When the other side has gone; an answer may be there all the same.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a request and reads its answer, which may come before the request is sent whole.
    pub async fn exchange(&mut self, request: &Request, within: Duration) -> Exchange {
        let mut bytes = request.head(&self.host);
        bytes.extend_from_slice(&request.body);
        self.converse(&bytes, request.method == "HEAD", within).await
    }

    /// Reads the answer to what was sent before.
    pub async fn answer(&mut self, within: Duration) -> Exchange {
        self.converse(&[], false, within).await
    }

    async fn converse(&mut self, bytes: &[u8], to_head: bool, within: Duration) -> Exchange {
        let began = Instant::now();
        let deadline = sleep_until((began + within).into());
        tokio::pin!(deadline);
        let mut exchange = Exchange::begun(began, self.answers);
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let mut unsent = bytes;
        let mut chunk = vec![0; 16 * 1024];
        let mut wanted = 0;
        loop {
            let tells = self.ended.is_some() || self.buffer.len() >= wanted;
            let closed = self.ended == Some(Ended::Closed);
            match tells.then(|| parse(&self.buffer, to_head, closed)) {
                None => {}
                Some(Progress::Whole(response, taken)) => {
                    self.buffer.drain(..taken);
                    self.answers += 1;
                    if response.closes {
                        self.ended.get_or_insert(Ended::Closed);
                    }
                    return exchange.done(Some(response), End::Complete);
                }
                Some(Progress::Malformed(why)) => {
                    let start = printable(&self.buffer);
                    return exchange.done(None, End::NotHttp { why, start });
                }
                Some(Progress::Partial(head, more)) => {
                    wanted = more;
                    let received = self.buffer.len();
                    match self.ended {
                        Some(Ended::Closed) => {
                            return exchange.done(head, End::Closed { received });
                        }
                        Some(Ended::Reset) => return exchange.done(head, End::Reset { received }),
                        None => {}
                    }
                }
            }
            tokio::select! {
                biased;
                () = &mut deadline => {
                    let received = self.buffer.len();
                    let head = partial_head(&self.buffer, to_head);
                    return exchange.done(head, End::TimedOut { received });
                }
                read = reader.read(&mut chunk) => match read {
                    Ok(0) => self.ended = Some(Ended::Closed),
                    Ok(count) => {
                        exchange.first_byte.get_or_insert_with(|| began.elapsed());
                        self.buffer.extend_from_slice(&chunk[..count]);
                    }
                    Err(_) => self.ended = Some(Ended::Reset),
                },
                written = writer.write(unsent), if !unsent.is_empty() => match written {
                    Ok(count) => unsent = &unsent[count..],
                    // The other side reads no more; its answer may be on the way.
                    Err(_) => unsent = &[],
                },
            }
        }
    }

    /// Waits until the other side ends the connection. `None`: it is still open.
    pub async fn wait_for_end(&mut self, within: Duration) -> Option<Ended> {
        if self.ended.is_some() {
            return self.ended;
        }
        let mut chunk = [0; 4096];
        let deadline = tokio::time::Instant::now() + within;
        loop {
            match tokio::time::timeout_at(deadline, self.stream.read(&mut chunk)).await {
                Err(_) => return None,
                Ok(Ok(0)) => self.ended = Some(Ended::Closed),
                Ok(Ok(count)) => self.buffer.extend_from_slice(&chunk[..count]),
                Ok(Err(_)) => self.ended = Some(Ended::Reset),
            }
            if self.ended.is_some() {
                return self.ended;
            }
        }
    }

    /// Whether the other side has ended it, or announced that it will.
    pub fn ended(&self) -> Option<Ended> {
        self.ended
    }
}

fn partial_head(bytes: &[u8], to_head: bool) -> Option<Response> {
    match parse(bytes, to_head, false) {
        Progress::Partial(head, _) => head,
        _ => None,
    }
}

fn printable(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(40)];
    String::from_utf8_lossy(start)
        .chars()
        .map(|c| if c.is_control() || c == '\u{fffd}' { '·' } else { c })
        .collect()
}
