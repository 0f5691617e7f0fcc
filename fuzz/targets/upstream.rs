//! What comes from the service: however it is cut into pieces, head and body are read in the same
//! way, and nothing is read that did not come.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;

// All are private to the edge.
#[path = "../../crates/edge/src/fields.rs"]
mod fields;
#[path = "../../crates/edge/src/upstream/framing.rs"]
mod framing;
#[path = "../../crates/edge/src/upstream/head.rs"]
mod head;

use framing::{Framing, Piece};

/// What was understood.
#[derive(Debug, Default, PartialEq)]
struct Read {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    reusable: bool,
    body: Vec<u8>,
    trailers: usize,
    ended: bool,
    broken: bool,
    left: usize,
}

/// Reads an answer that comes in pieces of this size.
fn read(data: &[u8], piece: usize, to_head: bool) -> Read {
    let mut read = Read::default();
    let mut incoming = BytesMut::new();
    let mut body: Option<Framing> = None;
    for piece in data.chunks(piece) {
        incoming.extend_from_slice(piece);
        if read.broken || read.ended {
            continue;
        }
        if body.is_none() {
            match head::take(&mut incoming, to_head) {
                Ok(None) => continue,
                Err(_) => {
                    read.broken = true;
                    continue;
                }
                Ok(Some(head)) => {
                    read.status = head.head.status().as_u16();
                    let headers = head.head.headers().iter();
                    read.headers =
                        headers.map(|(n, v)| (n.to_string(), v.as_bytes().to_vec())).collect();
                    read.reusable = head.reusable;
                    body = Some(head.framing);
                }
            }
        }
        while let Some(framing) = &mut body
            && !read.broken
        {
            match framing.take(&mut incoming) {
                Ok(Piece::Data(data)) => {
                    assert!(!data.is_empty());
                    read.body.extend_from_slice(&data);
                }
                Ok(Piece::Trailers(trailers)) => read.trailers += trailers.len(),
                Ok(Piece::Wanting) => break,
                Ok(Piece::End) => {
                    assert!(framing.has_ended());
                    read.ended = true;
                    break;
                }
                Err(_) => read.broken = true,
            }
        }
    }
    // What came after a break is nobody's.
    read.left = if read.broken { 0 } else { incoming.len() };
    read
}

fuzz_target!(|data: &[u8]| {
    let [how, data @ ..] = data else { return };
    let to_head = how & 1 == 1;
    let whole = fuzz::timed(|| read(data, data.len().max(1), to_head));
    assert!(whole.body.len() + whole.left <= data.len());
    if whole.reusable && whole.ended && !to_head {
        let lengths = whole.headers.iter().filter(|(name, _)| name == "content-length");
        for (_, length) in lengths.filter(|_| !matches!(whole.status, 100..200 | 204 | 304)) {
            let length: usize = std::str::from_utf8(length).expect("digits").parse().expect("digits");
            assert_eq!(whole.body.len(), length);
        }
    }
    let mut pieces = read(data, 1 + usize::from(how >> 1), to_head);
    // A body is taken as far as it is sound: where it breaks may be seen with an earlier piece.
    if whole.broken && whole.status == 0 {
        assert!(pieces.broken && pieces.status == 0);
        return;
    }
    if whole.broken {
        pieces.left = 0;
    }
    assert_eq!(whole, pieces);
});
