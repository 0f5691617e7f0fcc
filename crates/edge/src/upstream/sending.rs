//! Writing a request, and its body as it comes.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Method, Request};
use http_body::Body;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;

use super::connection::Connection;

/// What of a request is still to be sent beyond what the connection holds.
#[derive(Debug)]
pub(super) enum Sending<B> {
    Nothing,
    Body {
        body: Pin<Box<B>>,
        framing: Framing,
    },
    /// The service takes no more of it. It may have answered all the same.
    GivenUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// Who broke off, or gave less or more than it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    Client,
    Service,
}

/// So much is gathered before it is sent, in bytes.
const GATHER: usize = 16 * 1024;

impl<B> Sending<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Writes the head of a request that [`crate::proxy`] made ready, and keeps its body for
    /// [`Sending::poll`]. How its body ends is told anew, whatever its headers say.
    pub(super) fn begin(request: Request<B>, outgoing: &mut Vec<u8>) -> Self {
        let (head, body) = request.into_parts();
        let framing = match body.size_hint().exact() {
            _ if body.is_end_stream() => None,
            Some(length) => Some(Framing::Length(length)),
            None => Some(Framing::Chunked),
        };
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        outgoing.reserve(path.len() + 128 + head.headers.len() * 64);
        for part in [head.method.as_str(), " ", path, " HTTP/1.1\r\n"] {
            outgoing.extend_from_slice(part.as_bytes());
        }
        static ANEW: [HeaderName; 2] = [CONTENT_LENGTH, TRANSFER_ENCODING];
        lines(head.headers.iter().filter(|(name, _)| !ANEW.contains(name)), outgoing);
        match framing {
            Some(Framing::Length(length)) => length_line(length, outgoing),
            Some(Framing::Chunked) => outgoing.extend_from_slice(b"transfer-encoding: chunked\r\n"),
            // A method that usually has a body says so when it has none (RFC 9110, 8.6).
            None if matches!(head.method, Method::POST | Method::PUT | Method::PATCH)
                || head.headers.contains_key(CONTENT_LENGTH) =>
            {
                length_line(0, outgoing);
            }
            None => {}
        }
        outgoing.extend_from_slice(b"\r\n");
        match framing {
            Some(framing) => Self::Body { body: Box::pin(body), framing },
            None => Self::Nothing,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// Sends as much as both sides allow; ready when everything is sent.
    ///
    /// # Errors
    /// When one of the two breaks off.
    pub(super) fn poll(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        loop {
            if matches!(self, Self::Body { .. }) {
                connection.drop_sent();
            }
            let gathered = self.poll_gather(&mut connection.outgoing, context)?;
            ready!(connection.poll_flush(context)).map_err(|_| Broken::Service)?;
            if matches!(self, Self::Nothing | Self::GivenUp) {
                return Poll::Ready(Ok(()));
            }
            if gathered.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Sends the rest on a half of a connection, whose other half is read meanwhile. An answer may
    /// begin before its request has ended, and neither may wait for the other.
    ///
    /// # Errors
    /// When one of the two breaks off.
    pub(super) async fn finish(
        mut self,
        mut to: OwnedWriteHalf,
        mut outgoing: Vec<u8>,
    ) -> Result<(), Broken> {
        loop {
            to.write_all(&outgoing).await.map_err(|_| Broken::Service)?;
            outgoing.clear();
            if !matches!(self, Self::Body { .. }) {
                // Dropping the write half sends FIN, which some servers read as the end of the
                // exchange.
                to.forget();
                return Ok(());
            }
            let gather = |context: &mut Context<'_>| match self.poll_gather(&mut outgoing, context)
            {
                Poll::Pending if !outgoing.is_empty() => Poll::Ready(Ok(())),
                gathered => gathered,
            };
            poll_fn(gather).await?;
        }
    }

    /// Takes from the body what has come, up to a bound; ready when there may be more.
    fn poll_gather(
        &mut self,
        outgoing: &mut Vec<u8>,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Broken>> {
        while outgoing.len() < GATHER {
            let Self::Body { body, framing } = self else { return Poll::Ready(Ok(())) };
            let frame = match ready!(body.as_mut().poll_frame(context)) {
                Some(frame) => frame.map_err(|_| Broken::Client)?,
                None => {
                    framing.end(None, outgoing)?;
                    *self = Self::Nothing;
                    continue;
                }
            };
            match frame.into_data() {
                Ok(data) => framing.put(&data, outgoing)?,
                Err(frame) => {
                    framing.end(frame.trailers_ref(), outgoing)?;
                    *self = Self::Nothing;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Framing {
    fn put(&mut self, data: &[u8], outgoing: &mut Vec<u8>) -> Result<(), Broken> {
        match self {
            // An empty chunk would be the end.
            _ if data.is_empty() => {}
            Self::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or(Broken::Client)?;
                outgoing.extend_from_slice(data);
            }
            Self::Chunked => {
                outgoing.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
                outgoing.extend_from_slice(data);
                outgoing.extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }

    fn end(&mut self, trailers: Option<&HeaderMap>, outgoing: &mut Vec<u8>) -> Result<(), Broken> {
        match self {
            Self::Length(0) => {}
            Self::Length(_) => return Err(Broken::Client),
            Self::Chunked => {
                outgoing.extend_from_slice(b"0\r\n");
                lines(trailers.into_iter().flatten(), outgoing);
                outgoing.extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }
}

fn lines<'a>(
    headers: impl Iterator<Item = (&'a http::HeaderName, &'a http::HeaderValue)>,
    outgoing: &mut Vec<u8>,
) {
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            outgoing.extend_from_slice(part);
        }
    }
}

fn length_line(length: u64, outgoing: &mut Vec<u8>) {
    outgoing.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use http_body::Frame;
    use http_body_util::{Empty, Full, StreamBody};

    use super::*;

    fn begin<B>(request: Request<B>) -> (String, Sending<B>)
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let mut outgoing = Vec::new();
        let sending = Sending::begin(request, &mut outgoing);
        (String::from_utf8(outgoing).expect("ASCII"), sending)
    }

    #[test]
    fn the_end_of_a_body_is_told_anew() {
        let lying = Request::get("/a?b=1").header("content-length", "7").header("x-a", "1");
        let (text, sending) = begin(lying.body(Empty::<Bytes>::new()).expect("sound"));
        assert_eq!(text, "GET /a?b=1 HTTP/1.1\r\nx-a: 1\r\ncontent-length: 0\r\n\r\n");
        assert!(sending.is_done());
        let full = Full::new(Bytes::from_static(b"abc"));
        let lying = Request::post("/").header("transfer-encoding", "chunked");
        let (text, sending) = begin(lying.body(full).expect("sound"));
        assert_eq!(text, "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n");
        assert!(!sending.is_done());
        let (text, _) = begin(Request::put("/").body(Empty::<Bytes>::new()).expect("sound"));
        assert_eq!(text, "PUT / HTTP/1.1\r\ncontent-length: 0\r\n\r\n");
        let (text, _) = begin(Request::options("*").body(Empty::<Bytes>::new()).expect("sound"));
        assert_eq!(text, "OPTIONS * HTTP/1.1\r\n\r\n");
    }

    #[test]
    fn pieces_become_chunks_and_trailers_pass() {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "1".parse().expect("sound"));
        let frames = [
            Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"abcdefghijkl"))),
            Ok(Frame::data(Bytes::new())),
            Ok(Frame::trailers(trailers)),
        ];
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let (text, mut sending) = begin(Request::post("/").body(body).expect("sound"));
        assert!(text.contains("transfer-encoding: chunked"), "{text}");
        let mut outgoing = Vec::new();
        let mut context = Context::from_waker(std::task::Waker::noop());
        let gathered = sending.poll_gather(&mut outgoing, &mut context);
        assert!(matches!(gathered, Poll::Ready(Ok(()))) && sending.is_done());
        assert_eq!(&outgoing[..], b"c\r\nabcdefghijkl\r\n0\r\nx-sum: 1\r\n\r\n");
    }

    #[test]
    fn a_body_keeps_its_length() {
        let mut outgoing = Vec::new();
        assert!(Framing::Length(2).put(b"abc", &mut outgoing).is_err());
        assert!(Framing::Length(2).end(None, &mut outgoing).is_err());
        assert!(outgoing.is_empty());
    }
}
