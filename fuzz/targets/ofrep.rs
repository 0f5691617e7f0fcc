//! OFREP: every answer is JSON with a fitting status.
#![no_main]

use bytes::Bytes;
use http::{Method, Request};
use layers::{Flags, Ofrep, Setting};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [target, tag, body] = fuzz::parts::<3>(data);
    let method = if data.len() % 9 == 0 { Method::GET } else { Method::POST };
    let request = Request::builder().method(method).uri(target).header("if-none-match", tag);
    let Ok(request) = request.body(Bytes::copy_from_slice(body)) else { return };
    let flags = Flags::new([("a".to_owned(), Setting { on: true, share: 50.0 })]);
    let answer = fuzz::timed(|| Ofrep(flags).answer(&request));
    let status = answer.status().as_u16();
    assert!(matches!(status, 200 | 304 | 400 | 404 | 405), "{status}");
    if status == 304 {
        assert!(answer.body().is_empty() && answer.headers().contains_key("etag"));
        return;
    }
    let read: serde_json::Value = serde_json::from_slice(answer.body()).expect("it is JSON");
    let good = read["value"].is_boolean() || read["flags"].is_array();
    assert_eq!(good, status == 200, "{read}");
});
