//! Where the body of an answer ends (RFC 9112, 6.3), and taking it out of the bytes that come.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::fields::may_come_late;

/// How the end of a body is known, and how far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are left.
    Length(u64),
    Chunked(Chunk),
    /// It ends with the connection.
    UntilClose,
    Ended,
}

/// The next thing in a chunked body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunk {
    Size,
    Data(u64),
    /// The line's end after the data.
    End,
    Trailers,
}

/// A piece of a body.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    /// It is whole.
    End,
    /// More bytes are needed.
    Wanting,
}

/// The longest line of a chunk's size, and the longest trailers, in bytes.
const LONGEST_LINE: usize = 4 * 1024;
const LONGEST_TRAILERS: usize = 16 * 1024;
const MOST_TRAILERS: usize = 64;

impl Framing {
    pub(super) fn has_ended(self) -> bool {
        matches!(self, Self::Ended | Self::Length(0))
    }

    /// Takes the next piece out of what came.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub(super) fn take(&mut self, incoming: &mut BytesMut) -> Result<Piece, &'static str> {
        loop {
            match self {
                Self::Ended | Self::Length(0) => return Ok(Piece::End),
                _ if incoming.is_empty() => return Ok(Piece::Wanting),
                Self::Length(left) => return Ok(Piece::Data(data(left, incoming))),
                Self::UntilClose => return Ok(Piece::Data(incoming.split().freeze())),
                Self::Chunked(Chunk::Data(0)) => *self = Self::Chunked(Chunk::End),
                Self::Chunked(Chunk::Data(left)) => return Ok(Piece::Data(data(left, incoming))),
                Self::Chunked(Chunk::Size) => match size(incoming)? {
                    None => return Ok(Piece::Wanting),
                    Some(0) => *self = Self::Chunked(Chunk::Trailers),
                    Some(size) => *self = Self::Chunked(Chunk::Data(size)),
                },
                Self::Chunked(Chunk::End) => {
                    if incoming.len() < 2 {
                        return Ok(Piece::Wanting);
                    }
                    if &incoming[..2] != b"\r\n" {
                        return Err("a chunk is longer than it says");
                    }
                    incoming.advance(2);
                    *self = Self::Chunked(Chunk::Size);
                }
                Self::Chunked(Chunk::Trailers) => {
                    let Some(trailers) = trailers(incoming)? else { return Ok(Piece::Wanting) };
                    *self = Self::Ended;
                    return Ok(if trailers.is_empty() {
                        Piece::End
                    } else {
                        Piece::Trailers(trailers)
                    });
                }
            }
        }
    }
}

/// As much as there is of what is left.
fn data(left: &mut u64, incoming: &mut BytesMut) -> Bytes {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(incoming.len());
    *left -= count as u64;
    incoming.split_to(count).freeze()
}

fn size(incoming: &mut BytesMut) -> Result<Option<u64>, &'static str> {
    // The parser takes an empty line for a zero, which would make a broken body look whole.
    if !incoming.first().is_some_and(u8::is_ascii_hexdigit) {
        return Err("a chunk has no size");
    }
    match httparse::parse_chunk_size(incoming) {
        Ok(httparse::Status::Complete((length, size))) if length <= LONGEST_LINE => {
            incoming.advance(length);
            Ok(Some(size))
        }
        Ok(httparse::Status::Partial) if incoming.len() <= LONGEST_LINE => Ok(None),
        Ok(_) => Err("the line of a chunk's size is too long"),
        Err(_) => Err("a chunk has no size"),
    }
}

fn trailers(incoming: &mut BytesMut) -> Result<Option<HeaderMap>, &'static str> {
    if incoming.starts_with(b"\r\n") {
        incoming.advance(2);
        return Ok(Some(HeaderMap::new()));
    }
    let mut lines = [httparse::EMPTY_HEADER; MOST_TRAILERS];
    let (length, lines) = match httparse::parse_headers(incoming, &mut lines) {
        Ok(httparse::Status::Complete(parsed)) if parsed.0 <= LONGEST_TRAILERS => parsed,
        Ok(httparse::Status::Partial) if incoming.len() <= LONGEST_TRAILERS => return Ok(None),
        _ => return Err("its trailers are broken"),
    };
    let mut trailers = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes());
        let value = HeaderValue::from_bytes(line.value);
        let (Ok(name), Ok(value)) = (name, value) else { return Err("its trailers are broken") };
        if may_come_late(&name) {
            trailers.append(name, value);
        }
    }
    incoming.advance(length);
    Ok(Some(trailers))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that comes out when the bytes come in pieces of this size: data, trailers, and
    /// whether it ended.
    fn read(text: &str, piece: usize) -> Result<(String, usize, bool), &'static str> {
        let mut framing = Framing::Chunked(Chunk::Size);
        let (mut incoming, mut whole, mut count) = (BytesMut::new(), String::new(), 0);
        for piece in text.as_bytes().chunks(piece) {
            incoming.extend_from_slice(piece);
            loop {
                match framing.take(&mut incoming)? {
                    Piece::Data(data) => whole.push_str(&String::from_utf8_lossy(&data)),
                    Piece::Trailers(trailers) => count += trailers.len(),
                    Piece::Wanting => break,
                    Piece::End => return Ok((whole, count, true)),
                }
            }
        }
        Ok((whole, count, framing == Framing::Ended))
    }

    #[test]
    fn chunks_are_read_however_they_are_cut() {
        let text = "4\r\nabcd\r\nA;ext=\"1\"\r\n0123456789\r\n0\r\n\r\n";
        let late = "3\r\nabc\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n";
        for piece in 1..text.len() {
            assert_eq!(read(text, piece), Ok(("abcd0123456789".to_owned(), 0, true)), "{piece}");
            assert_eq!(read(late, piece), Ok(("abc".to_owned(), 1, true)), "{piece}");
            let cut = read(&text[..text.len() - 1], piece).expect("nothing is wrong yet");
            assert!(!cut.2, "{piece}");
        }
    }

    #[test]
    fn broken_chunks_are_told() {
        for broken in [
            "zz\r\nabcd\r\n",
            "4\r\nabcdX\r\n0\r\n\r\n",
            "-4\r\nabcd\r\n",
            "ffffffffffffffffff\r\nab",
            "4\nabcd\n",
            "0\r\nX Y: 1\r\n\r\n",
            "\r\n\r\n",
            "3\r\nabc\r\n;x\r\n\r\n",
            &"1".repeat(20),
        ] {
            assert!(read(broken, 1000).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn a_length_is_kept() {
        let mut framing = Framing::Length(5);
        let mut incoming = BytesMut::from(&b"abcdefg"[..]);
        assert_eq!(framing.take(&mut incoming), Ok(Piece::Data(Bytes::from_static(b"abcde"))));
        assert!(framing.has_ended() && framing.take(&mut incoming) == Ok(Piece::End));
        assert_eq!(&incoming[..], b"fg");
    }
}
