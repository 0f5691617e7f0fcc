//! Gates: no way of writing a path gets past a feature that is off.
#![no_main]

use std::sync::Arc;

use http::{Method, StatusCode};
use layers::{Flags, Gate, Gates, Policy, Routes, Setting};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(mut request) = fuzz::request(data, b"") else { return };
    let gate = Gate {
        flag: "a".to_owned(),
        method: Some(Method::GET),
        path: "/quotes/{id}/new".to_owned(),
        status: StatusCode::NOT_FOUND,
        code: "not_found".to_owned(),
    };
    let flags = Flags::new([("a".to_owned(), Setting::plain(false))]);
    let gates = Gates { flags, gates: Arc::new(vec![gate]) };
    let path = request.uri().path().to_owned();
    let route = fuzz::timed(|| Routes::new(["/quotes/{id}".to_owned()]).of(&path, 200));
    assert!(!route.contains('?') && route.len() <= path.len() * 4 + 1, "{route}");
    // As a service would read it: segments first, then what is encoded in each.
    let parts: Vec<_> = path
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect();
    let same = |part: &str, own: &str| part.eq_ignore_ascii_case(own);
    let is = |parts: &[String]| {
        matches!(parts, [first, _, third, ..] if same(first, "quotes") && same(third, "new"))
    };
    let closed = gates.request(&mut request).is_err();
    assert!(closed || !is(&parts), "{path}");
    // Or the dots first, then the segments.
    let mut followed = Vec::new();
    for part in parts {
        match part.as_str() {
            "." => {}
            ".." => drop(followed.pop()),
            _ => followed.push(part),
        }
    }
    assert!(closed || !is(&followed), "{path}");
    // A path that can be read in one way only is refused for a reason.
    if !path.contains(['%', ';', '\\']) && !path.contains("/.") {
        assert_eq!(closed, is(&followed), "{path}");
    }
});
