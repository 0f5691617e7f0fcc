//! The head of an answer.

use std::mem::MaybeUninit;

use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use hyper::ext::ReasonPhrase;

use super::framing::{Chunk, Framing};

/// A head, and what it says about what follows.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) head: Response<()>,
    pub(super) framing: Framing,
    /// Whether another request may follow on this connection.
    pub(super) reusable: bool,
}

/// The largest head, in bytes, and the most lines in it.
const LARGEST: usize = 64 * 1024;
const MOST: usize = 128;

/// Takes a head out of what came; `None` when it is not all there. `to_head` is whether it answers
/// a HEAD request, whose answers have no body. `room` is for as many headers as the edge adds, and
/// `heads` keeps the bytes of the last few: what nobody holds any more is written over.
///
/// # Errors
/// What is wrong with it. What could be read in two ways is wrong.
pub(super) fn take(
    incoming: &mut BytesMut,
    heads: &mut BytesMut,
    to_head: bool,
    room: usize,
) -> Result<Option<Head>, &'static str> {
    let mut lines = [const { MaybeUninit::uninit() }; MOST];
    let mut found = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let length = match config.parse_response_with_uninit_headers(&mut found, incoming, &mut lines) {
        Ok(httparse::Status::Complete(length)) if length <= LARGEST => length,
        Ok(httparse::Status::Partial) if incoming.len() <= LARGEST => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err("its head is too large"),
        Err(_) => return Err("it is not HTTP"),
    };
    let status = StatusCode::from_u16(found.code.unwrap_or(0)).map_err(|_| "it has no status")?;
    let mut head = Response::new(());
    *head.status_mut() = status;
    if let Some(reason) = found.reason.filter(|own| status.canonical_reason() != Some(own))
        && let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes())
    {
        head.extensions_mut().insert(reason);
    }
    // One copy, of which each value is a part.
    if heads.capacity() < length {
        heads.reserve(length.max(KEPT));
    }
    heads.extend_from_slice(&incoming[..length]);
    let bytes = heads.split_to(length).freeze();
    let mut said = Said { modern: found.version == Some(1), ..Said::default() };
    let values = HeaderMap::with_capacity(found.headers.len() + room);
    let start = incoming.as_ptr() as usize;
    *head.headers_mut() = headers(found.headers, start, &bytes, values, &mut said)?;
    incoming.advance(length);
    let framing = said.framing(status, to_head)?;
    let reusable = framing != Framing::UntilClose && said.stays_open();
    Ok(Some(Head { head, framing, reusable }))
}

/// So much room the last few heads have, in bytes.
const KEPT: usize = 2 * 1024;

/// What the head says about the message and the connection.
#[derive(Debug, Default)]
struct Said {
    /// HTTP/1.1.
    modern: bool,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

fn headers(
    lines: &[httparse::Header<'_>],
    start: usize,
    bytes: &Bytes,
    mut headers: HeaderMap,
    said: &mut Said,
) -> Result<HeaderMap, &'static str> {
    for line in lines {
        let at = line.value.as_ptr() as usize - start;
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let value = if line.value.is_empty() {
            Ok(HeaderValue::from_static(""))
        } else {
            HeaderValue::from_maybe_shared(bytes.slice(at..at + line.value.len()))
        };
        let (Ok(name), Ok(value)) = (name, value) else { return Err("a header is not sound") };
        said.note(&name, line.value)?;
        // It says something about this connection, which is noted.
        if name == CONNECTION && is_usual(line.value) {
            continue;
        }
        headers.append(name, value);
    }
    Ok(headers)
}

/// Whether it names no other header.
fn is_usual(connection: &[u8]) -> bool {
    connection.eq_ignore_ascii_case(b"keep-alive") || connection.eq_ignore_ascii_case(b"close")
}

impl Said {
    fn note(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), &'static str> {
        if *name == CONTENT_LENGTH {
            let length = number(value).ok_or("its length is not a number")?;
            // Several that agree are one.
            if self.length.replace(length).is_some_and(|known| known != length) {
                return Err("it has two lengths");
            }
        } else if *name == TRANSFER_ENCODING {
            if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
                return Err("its transfer coding is not chunked");
            }
            self.chunked = true;
        } else if *name == CONNECTION {
            for word in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                self.close |= word.eq_ignore_ascii_case(b"close");
                self.keep_alive |= word.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        Ok(())
    }

    /// RFC 9112, 6.3.
    fn framing(&self, status: StatusCode, to_head: bool) -> Result<Framing, &'static str> {
        if self.chunked && (self.length.is_some() || !self.modern) {
            return Err("it is chunked, and says something else too");
        }
        let bare = matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if to_head || bare || status.is_informational() {
            return Ok(Framing::Ended);
        }
        Ok(match self.length {
            _ if self.chunked => Framing::Chunked(Chunk::Size),
            Some(length) => Framing::Length(length),
            None => Framing::UntilClose,
        })
    }

    /// RFC 9112, 9.3.
    fn stays_open(&self) -> bool {
        !self.close && (self.modern || self.keep_alive)
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let sound = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| sound)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Head>, &'static str> {
        take(&mut BytesMut::from(text.as_bytes()), &mut BytesMut::new(), false, 0)
    }

    fn whole(text: &str) -> Head {
        read(text).expect("it is sound").expect("it is whole")
    }

    #[test]
    fn heads_are_read_and_the_rest_is_left() {
        let mut incoming = BytesMut::from(
            &b"HTTP/1.1 200 Fine\r\nContent-Length: 4\r\nX-A: 1\r\nX-A:\r\n\r\nbody"[..],
        );
        let head =
            take(&mut incoming, &mut BytesMut::new(), false, 0).expect("sound").expect("whole");
        assert_eq!((head.framing, head.reusable), (Framing::Length(4), true));
        let all: Vec<_> = head.head.headers().get_all("x-a").iter().collect();
        assert_eq!(all, ["1", ""]);
        assert_eq!(head.head.extensions().get::<ReasonPhrase>().expect("own").as_bytes(), b"Fine");
        assert_eq!(&incoming[..], b"body");
        assert!(read("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n").expect("sound").is_none());
    }

    #[test]
    fn the_end_of_a_body_is_known_in_one_way() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(whole(chunked).framing, Framing::Chunked(Chunk::Size));
        let old = whole("HTTP/1.0 200 OK\r\n\r\n");
        assert_eq!((old.framing, old.reusable), (Framing::UntilClose, false));
        let same = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n";
        assert_eq!(whole(same).framing, Framing::Length(4));
        assert_eq!(whole("HTTP/1.1 304 OK\r\nContent-Length: 4\r\n\r\n").framing, Framing::Ended);
        let closes = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n";
        assert!(!whole(closes).reusable);
        let to_head = take(&mut BytesMut::from(same), &mut BytesMut::new(), true, 0)
            .expect("sound")
            .expect("whole");
        assert_eq!(to_head.framing, Framing::Ended);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_passed_on() {
        for lines in [
            "Content-Length: 4\r\nContent-Length: 5\r\n",
            "Content-Length: 4, 4\r\n",
            "Content-Length: +4\r\n",
            "Content-Length:\r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        ] {
            assert!(read(&format!("HTTP/1.1 200 OK\r\n{lines}\r\n")).is_err(), "{lines:?}");
        }
        assert!(read("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(read("garbage\r\n\r\n").is_err() && read("HTTP/1.1 099 X\r\n\r\n").is_err());
        let endless = format!("HTTP/1.1 200 OK\r\nA: {}", "a".repeat(LARGEST));
        assert_eq!(read(&endless).expect_err("too large"), "its head is too large");
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(MOST + 1));
        assert_eq!(read(&many).expect_err("too large"), "its head is too large");
    }
}
