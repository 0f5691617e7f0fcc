//! A TCP connection whose small reads and writes are system calls of its own: those of the C library
//! are points at which a thread may be cancelled, and to say so around each costs some per cent of
//! what a request costs.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// A connection.
#[derive(Debug)]
pub(crate) struct Socket(pub(crate) TcpStream);

/// So much is read at once by way of a room that all connections of a thread share, in bytes; more is
/// read to where it belongs, or to copy it would cost more than is saved.
const SMALL: usize = 8 * 1024;

thread_local! {
    static ROOM: RefCell<Box<[u8; SMALL]>> = RefCell::new(Box::new([0; SMALL]));
}

impl Socket {
    /// Reads at most `most` bytes to the end of `buffer`: how many came.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        if most <= SMALL {
            return self.poll_small(context, most, |bytes| buffer.extend_from_slice(bytes));
        }
        buffer.reserve(most);
        let mut reading = std::pin::pin!(tokio::io::AsyncReadExt::read_buf(&mut self.0, buffer));
        reading.as_mut().poll(context)
    }

    fn poll_small(
        &self,
        context: &mut Context<'_>,
        most: usize,
        take: impl FnOnce(&[u8]),
    ) -> Poll<io::Result<usize>> {
        ROOM.with_borrow_mut(|room| {
            let room = &mut room[..most.min(SMALL)];
            let length = room.len();
            let count = ready!(self.poll(context, Interest::READABLE, length, |stream| {
                recv(stream, &mut *room, RecvFlags::empty()).map(|(_, count)| count)
            }))?;
            take(&room[..count]);
            Poll::Ready(Ok(count))
        })
    }

    /// Calls until there is something to tell, and notes that the socket is exhausted where less came
    /// of it than there was room for: the next call would only say so.
    fn poll(
        &self,
        context: &mut Context<'_>,
        interest: Interest,
        room: usize,
        mut call: impl FnMut(&TcpStream) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(match interest {
                Interest::READABLE => self.0.poll_read_ready(context),
                _ => self.0.poll_write_ready(context),
            })?;
            let mut done = None;
            let called = self.0.try_io(interest, || match call(&self.0) {
                Ok(count) if 0 < count && count < room => {
                    done = Some(count);
                    Err(io::ErrorKind::WouldBlock.into())
                }
                other => other.map_err(io::Error::from),
            });
            if let Some(count) = done {
                return Poll::Ready(Ok(count));
            }
            match called {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                told => return Poll::Ready(told),
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = buffer.remaining();
        if most > SMALL {
            return Pin::new(&mut self.0).poll_read(context, buffer);
        }
        self.poll_small(context, most, |bytes| buffer.put_slice(bytes)).map_ok(|_| ())
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(context, Interest::WRITABLE, bytes.len(), |stream| {
            send(stream, bytes, SendFlags::NOSIGNAL)
        })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Both ways at once, in pieces of every size, more than the system keeps.
    #[tokio::test]
    async fn everything_arrives_in_its_order() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let all: Vec<u8> = (0..6_000_000_u32).map(|number| (number % 251) as u8).collect();
        let sent = all.clone();
        let writing = tokio::spawn(async move {
            let mut socket = Socket(listener.accept().await.expect("accepted").0);
            let mut left = &sent[..];
            for size in (1..).map(|number| number * 97) {
                let piece;
                (piece, left) = left.split_at(size.min(left.len()));
                socket.write_all(piece).await.expect("written");
                if left.is_empty() {
                    break;
                }
            }
            socket.shutdown().await.expect("shut");
        });
        let mut socket = Socket(TcpStream::connect(address).await.expect("connected"));
        let mut got = BytesMut::new();
        for most in [100, SMALL, SMALL + 1, 64 * 1024].into_iter().cycle() {
            let fill = std::future::poll_fn(|context| socket.poll_fill(context, &mut got, most));
            if fill.await.expect("read") == 0 {
                break;
            }
            let mut piece = [0; 300];
            let count = socket.read(&mut piece).await.expect("read");
            got.extend_from_slice(&piece[..count]);
        }
        writing.await.expect("written");
        assert!(got[..] == all[..], "{} of {}", got.len(), all.len());
    }
}
