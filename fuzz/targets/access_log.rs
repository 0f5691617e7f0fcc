//! The access log: whatever a client sends, one request is one line of JSON without its query.
#![no_main]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Method, StatusCode};
use layers::{AccessLog, Served, Sink};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [method, target] = fuzz::parts::<2>(data);
    let (Ok(method), Some(request)) = (Method::from_bytes(method), fuzz::request(target, b""))
    else {
        return;
    };
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let log = AccessLog::new(move |line| kept.lock().expect("unpoisoned").extend_from_slice(line));
    log.served(&Served {
        method: method.clone(),
        uri: request.uri().clone(),
        status: Some(StatusCode::OK),
        id: None,
        bytes: 1,
        took: Duration::from_millis(1),
        whole: data.len() % 2 == 0,
    });
    let text = String::from_utf8(lines.lock().expect("unpoisoned").clone()).expect("UTF-8");
    assert_eq!(text.matches('\n').count(), 1);
    let line: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(line["method"], method.as_str());
    assert_eq!(line["path"], request.uri().path());
    assert_eq!(line.as_object().map(|all| all.contains_key("query")), Some(false));
});
