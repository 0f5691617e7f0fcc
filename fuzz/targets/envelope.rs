//! Errors: they have their shape, agree with their status and show nothing of the inside.
#![no_main]

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use layers::{Envelope, EnvelopeLayer, Shape};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower_layer::Layer;
use tower_service::Service;

/// Some of what must never be read by a client.
const INSIDE: &[&str] = &["node_modules/", "SQLSTATE", "    at ", "goroutine ", "java.lang."];

fuzz_target!(|data: &[u8]| {
    let [how, rest @ ..] = data else { return };
    let [kind, body] = fuzz::parts::<2>(rest);
    let status = [400, 404, 409, 500, 503, 200][usize::from(how >> 1) % 6];
    fuzz::timed(|| check(status, how & 1 == 1, kind, body));
});

fn check(status: u16, json: bool, kind: &[u8], body: &[u8]) {
    let Ok(kind) = HeaderValue::from_bytes(kind) else { return };
    let fields = ["status", "code", "message"].map(str::to_owned).to_vec();
    let shape = if json { Shape::Json(fields.clone()) } else { Shape::Problem };
    let answer = Response::builder().status(status).header("content-type", kind);
    let answer = answer.body(Full::new(Bytes::copy_from_slice(body))).expect("it is sound");
    let mut service = EnvelopeLayer(Some(Envelope::new(shape))).layer(fuzz::Gives(Some(answer)));
    let answer = fuzz::run(service.call(Request::new(()))).expect("it answers");
    assert_eq!(answer.status().as_u16(), status);
    let kind = fuzz::text(answer.headers()["content-type"].as_bytes());
    let bytes = fuzz::run(answer.into_body().collect()).expect("memory").to_bytes();
    if status < 400 {
        assert_eq!(bytes, body);
        return;
    }
    assert!(kind.starts_with("application/"), "{kind}");
    let read: Value = serde_json::from_slice(&bytes).expect("an error is JSON");
    let members = read.as_object().expect("an error is an object");
    if let Some(stated) = read["status"].as_u64() {
        assert_eq!(stated, u64::from(status));
    }
    let own = kind.starts_with("application/problem+json");
    assert!(!json || own || fields.iter().all(|field| members.contains_key(field)), "{read}");
    let mut texts = Vec::new();
    collect(&read, &mut texts);
    for inside in INSIDE {
        assert!(texts.iter().all(|text| !text.contains(inside)), "{inside:?} in {read}");
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|one| collect(one, texts)),
        Value::Object(all) => all.iter().for_each(|(name, one)| {
            texts.push(name.clone());
            collect(one, texts);
        }),
        _ => {}
    }
}
