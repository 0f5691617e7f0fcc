//! Correlation: the id that goes on is sound, and the trace context that goes on can be read.
#![no_main]

use http::Response;
use layers::{Correlation, Policy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some(mut request) = fuzz::request(b"/", data) else { return };
    let given = request.headers().clone();
    let id = Correlation::default().request(&mut request).expect("it never refuses");
    let sound = |text: &str| {
        let letters = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        (1..=128).contains(&text.len()) && letters
    };
    assert!(sound(id.to_str().expect("it is text")), "{id:?}");
    let headers = request.headers();
    let ids: Vec<_> = headers.get_all("x-request-id").iter().collect();
    assert_eq!(ids, [&id]);
    let traces: Vec<_> = headers.get_all("traceparent").iter().collect();
    let [trace] = traces[..] else { panic!("{traces:?}") };
    let trace = trace.to_str().expect("it is text");
    assert!(readable(trace), "{trace}");
    let went_on = given.get_all("traceparent").iter().any(|before| {
        before.as_bytes().get(..35).is_some_and(|b| b[3..] == trace.as_bytes()[3..35])
    });
    assert!(went_on || !headers.contains_key("tracestate"), "a state without its trace");
    let mut answer = Response::new(());
    Correlation::default().response(id.clone(), &mut answer);
    assert_eq!(answer.headers()["x-request-id"], id);
});

/// W3C Trace Context, version 00.
fn readable(trace: &str) -> bool {
    let fields: Vec<_> = trace.split('-').collect();
    let hex = |text: &str| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let lengths: Vec<_> = fields.iter().map(|field| field.len()).collect();
    let zero = |text: &str| text.bytes().all(|b| b == b'0');
    lengths == [2, 32, 16, 2]
        && fields.iter().all(|field| hex(field))
        && fields[0] == "00"
        && !zero(fields[1])
        && !zero(fields[2])
}
