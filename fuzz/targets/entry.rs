//! The first look at a request: who is not trusted says nothing about where it comes from, and what
//! a trusted proxy says last is kept.
#![no_main]

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderName;
use layers::Policy;
use libfuzzer_sys::fuzz_target;

// Both are private to the edge.
#[path = "../../crates/edge/src/ingress_check.rs"]
mod entry;
#[path = "../../crates/edge/src/fields.rs"]
mod fields;

use entry::{Entry, Range};

const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

fuzz_target!(|data: &[u8]| {
    let [range, target, lines] = fuzz::parts::<3>(data);
    let range = Range::parse(&fuzz::text(range));
    let Some(request) = fuzz::request(target, lines) else { return };
    for (peer, ranges) in [
        ("10.1.2.3", vec![]),
        ("10.1.2.3", range.into_iter().collect()),
        ("::ffff:10.1.2.3", vec![Range::parse("10.0.0.0/8").expect("a range")]),
    ] {
        let trusts_all = peer.starts_with("::");
        let trusts_none = ranges.is_empty();
        let peer: IpAddr = peer.parse().expect("an address");
        let entry = Entry::new(peer, &Arc::new(ranges), PROTO);
        let mut seen = request.clone();
        if let Err(answer) = entry.request(&mut seen) {
            assert!(answer.status().is_client_error());
            continue;
        }
        let headers = seen.headers();
        assert!(headers.get_all("host").iter().count() <= 1);
        let both =
            headers.contains_key("content-length") && headers.contains_key("transfer-encoding");
        assert!(!both, "{headers:?}");
        let chain: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
        let [chain] = chain[..] else { panic!("{chain:?}") };
        let words: Vec<_> = chain.to_str().expect("it is text").split(", ").collect();
        assert_eq!(words.last(), Some(&"10.1.2.3"));
        if trusts_none {
            assert_eq!(words.len(), 1);
            assert!(!headers.contains_key("forwarded") && !headers.contains_key(&PROTO));
        }
        if trusts_all {
            let given: Vec<_> = request.headers().get_all("x-forwarded-for").iter().collect();
            if let Some(last) = given.last().and_then(|last| last.to_str().ok()) {
                let kept = chain.to_str().expect("it is text");
                let readable = given.iter().all(|one| one.to_str().is_ok());
                assert!(!readable || kept.ends_with(&format!("{last}, 10.1.2.3")), "{kept:?}");
            }
        }
    }
});
