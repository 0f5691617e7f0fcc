//! One connection to the service, with what was read ahead and what is still to be written.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::socket::Socket;

/// An open connection. A request and its answer have it for themselves.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Stream,
    /// What came and was not looked at yet.
    pub(super) incoming: BytesMut,
    /// The heads of its last answers.
    pub(super) heads: BytesMut,
    /// What is to be sent.
    pub(super) outgoing: Vec<u8>,
    /// How much of that was sent.
    sent: usize,
    /// Whether a byte of the present request was taken by the system: then it is never sent again.
    pub(super) touched: bool,
    /// How much is read at once, in bytes; grows with what comes.
    room: usize,
}

#[derive(Debug)]
enum Stream {
    Whole(Socket),
    /// The other half belongs to somebody who is still sending.
    Reading(OwnedReadHalf),
}

/// The service is on this machine: it connects at once or not at all.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
const LEAST_ROOM: usize = 4 * 1024;
const MOST_ROOM: usize = 64 * 1024;

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When the service does not take the connection within a second.
    pub(super) async fn open(address: SocketAddr) -> io::Result<Box<Self>> {
        let connecting = TcpStream::connect(address);
        let stream = tokio::time::timeout(CONNECT_WITHIN, connecting).await??;
        stream.set_nodelay(true)?;
        Ok(Box::new(Self::of(Stream::Whole(Socket(stream)), BytesMut::new())))
    }

    fn of(stream: Stream, incoming: BytesMut) -> Self {
        Self {
            stream,
            incoming,
            heads: BytesMut::new(),
            outgoing: Vec::new(),
            sent: 0,
            touched: false,
            room: LEAST_ROOM,
        }
    }

    /// Whether the service closed it, or said something that it was not asked, as far as is known;
    /// looked at anew when it must not be in doubt, which costs a system call.
    pub(super) fn is_stale(&self, anew: bool) -> bool {
        let Stream::Whole(Socket(stream)) = &self.stream else { return true };
        let waits = |error: io::Error| error.kind() == io::ErrorKind::WouldBlock;
        if !self.incoming.is_empty() || !stream.try_read(&mut [0]).is_err_and(waits) {
            return true;
        }
        let look = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        anew && recv(stream, &mut [0], look) != Err(Errno::WOULDBLOCK)
    }

    /// For the next request.
    pub(super) fn renew(&mut self) {
        self.drop_outgoing();
        self.touched = false;
        if self.incoming.capacity() > MOST_ROOM {
            self.incoming = BytesMut::new();
        }
        self.room = LEAST_ROOM;
    }

    /// Sends what is to be sent.
    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.has_sent() {
            let left = &self.outgoing[self.sent..];
            let Stream::Whole(stream) = &mut self.stream else {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            };
            let count = ready!(Pin::new(stream).poll_write(context, left))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.touched = true;
            self.sent += count;
        }
        Poll::Ready(Ok(()))
    }

    /// Everything that was to be sent since the last [`Connection::drop_outgoing`], to be sent anew.
    pub(super) fn take_outgoing(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outgoing)
    }

    /// Whether everything that was to be sent was taken by the system.
    pub(super) fn has_sent(&self) -> bool {
        self.sent == self.outgoing.len()
    }

    /// Makes room once everything was sent.
    pub(super) fn drop_sent(&mut self) {
        if self.has_sent() {
            self.drop_outgoing();
        }
    }

    /// Forgets what was to be sent.
    pub(super) fn drop_outgoing(&mut self) {
        self.outgoing.clear();
        self.sent = 0;
        if self.outgoing.capacity() > MOST_ROOM {
            self.outgoing = Vec::new();
        }
    }

    /// Reads more: how many bytes; zero when the service has closed its side.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let most = self.room;
        let count = ready!(match &mut self.stream {
            Stream::Whole(socket) => socket.poll_fill(context, &mut self.incoming, most),
            Stream::Reading(half) => {
                self.incoming.reserve(most);
                pin!(half.read_buf(&mut self.incoming)).poll(context)
            }
        })?;
        if count >= most {
            self.room = (self.room * 2).min(MOST_ROOM);
        }
        Poll::Ready(Ok(count))
    }

    /// The bare stream and what was read ahead, when it has switched protocols.
    pub(super) fn into_parts(self) -> Option<(TcpStream, BytesMut)> {
        match self.stream {
            Stream::Whole(Socket(stream)) => Some((stream, self.incoming)),
            Stream::Reading(_) => None,
        }
    }

    /// One to read from, and the other half with what is to be sent on it.
    pub(super) fn split(self) -> (Self, Option<(OwnedWriteHalf, Vec<u8>)>) {
        match self.stream {
            Stream::Whole(Socket(stream)) => {
                let (reading, writing) = stream.into_split();
                let mut rest = self.outgoing;
                rest.drain(..self.sent);
                (Self::of(Stream::Reading(reading), self.incoming), Some((writing, rest)))
            }
            reading => (Self::of(reading, self.incoming), None),
        }
    }
}
