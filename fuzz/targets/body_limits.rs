//! Bodies: what passes is whole, unchanged and no larger than allowed, unpacked too.
#![no_main]

use std::convert::Infallible;
use std::future::Future;
use std::io::{Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use flate2::Compression;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use layers::{BodyLimits, BodyLimitsLayer, Bounded};
use libfuzzer_sys::fuzz_target;
use tower_layer::Layer;
use tower_service::Service;

const MAX: u64 = 4096;

fuzz_target!(|data: &[u8]| {
    let [how, rest @ ..] = data else { return };
    fuzz::timed(|| check(*how, rest));
});

/// The input as it is, packed once, in two members, with a tail, or broken off.
fn packed(how: u8, data: &[u8]) -> (&'static str, Vec<u8>) {
    let gzip = |data: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(data).expect("memory");
        packer.finish().expect("memory")
    };
    let swollen = data.repeat(1 + usize::from(how >> 4) * 8);
    let (first, second) = swollen.split_at(swollen.len() / 2);
    match how & 7 {
        0 => ("", data.to_vec()),
        1 => ("gzip", data.to_vec()),
        2 => ("gzip", gzip(&swollen)),
        3 => ("gzip", [gzip(first), gzip(second)].concat()),
        4 => ("x-gzip", [&gzip(&swollen), data].concat()),
        5 => {
            let whole = gzip(&swollen);
            ("GZIP", whole[..whole.len() / 2].to_vec())
        }
        6 => ("deflate", data.to_vec()),
        _ => {
            let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(&swollen).expect("memory");
            ("deflate", packer.finish().expect("memory"))
        }
    }
}

struct Reads;

impl<B> Service<Request<Bounded<B>>> for Reads
where
    B: http_body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Bounded<B>>) -> Self::Future {
        Box::pin(async move {
            let read = request.into_body().collect().await;
            let bytes = read.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            Ok(Response::new(Full::new(bytes)))
        })
    }
}

fn check(how: u8, data: &[u8]) {
    let (coding, bytes) = packed(how, data);
    let piece = 1 + data.len() / 7;
    let pieces: Vec<_> = bytes
        .chunks(piece)
        .map(|piece| Ok::<_, Infallible>(http_body::Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    let body = StreamBody::new(Pieces(pieces.into_iter()));
    let request = Request::builder().header("content-encoding", coding).body(body);
    let limits = BodyLimits { max: Some(MAX), within: None, stall: None };
    let mut service = BodyLimitsLayer(limits).layer(Reads);
    let answer = fuzz::run(service.call(request.expect("it is sound"))).expect("it answers");
    let status = answer.status().as_u16();
    let real = unpacked(coding, &bytes);
    if status == 200 {
        let seen = fuzz::run(answer.into_body().collect()).expect("memory").to_bytes();
        assert_eq!(seen, bytes);
        assert!(bytes.len() as u64 <= MAX);
        assert!(real.len() as u64 <= MAX, "{} bytes unpacked went through", real.len());
        return;
    }
    assert!(matches!(status, 400 | 413));
    let large = bytes.len() as u64 > MAX || real.len() as u64 > MAX;
    // What is sound and small enough is never refused.
    let sound = matches!(how & 7, 0 | 2 | 3 | 7);
    assert!(large || !sound, "{status} for {} of {} bytes", bytes.len(), real.len());
}

/// What a service would unpack, as far as it can.
fn unpacked(coding: &str, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let longest = MAX + 1;
    let _ = match coding {
        "" => Ok(0),
        "deflate" => flate2::read::ZlibDecoder::new(bytes).take(longest).read_to_end(&mut out),
        _ => flate2::read::MultiGzDecoder::new(bytes).take(longest).read_to_end(&mut out),
    };
    out
}

struct Pieces(std::vec::IntoIter<Result<http_body::Frame<Bytes>, Infallible>>);

impl futures_core::Stream for Pieces {
    type Item = Result<http_body::Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}
