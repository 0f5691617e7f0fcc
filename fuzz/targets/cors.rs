//! CORS: nobody but the declared origins is let in, whatever a client or the service says.
#![no_main]

use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use layers::{Cors, Policy};
use libfuzzer_sys::fuzz_target;

const LETS_IN: [&str; 6] = [
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "access-control-allow-private-network",
    "access-control-expose-headers",
];
const OURS: &str = "https://app.example.com";

fuzz_target!(|data: &[u8]| {
    let [asked, answered] = fuzz::parts::<2>(data);
    let Some(mut request) = fuzz::request(b"/", asked) else { return };
    let Some(service) = fuzz::request(b"/", answered) else { return };
    if data.len() % 2 == 0 {
        *request.method_mut() = Method::OPTIONS;
    }
    let origin = request.headers().get("origin").cloned();
    let known = origin.as_ref().is_some_and(|origin| origin == OURS);
    let answer = through(&Cors::origins([OURS.to_owned()]), &mut request, service.headers());
    let allowed: Vec<_> = answer.get_all("access-control-allow-origin").iter().collect();
    match known {
        true => assert_eq!(allowed, [OURS]),
        false => {
            assert!(LETS_IN.iter().all(|name| !answer.contains_key(*name)), "{answer:?}");
        }
    }
    let varies = answer.get_all("vary").iter().any(|value| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        text.split(',').any(|name| name.trim() == "origin")
    });
    assert!(varies, "a shared cache would mix origins: {answer:?}");
    let answer = through(&Cors::public(), &mut request, service.headers());
    assert!(!answer.contains_key("access-control-allow-credentials"));
    assert!(answer.get("access-control-allow-origin").is_none_or(|any| any == "*"));
});

fn through(cors: &Cors, request: &mut http::Request<()>, service: &HeaderMap) -> HeaderMap {
    match cors.request(request) {
        Err(answer) => answer.headers().clone(),
        Ok(state) => {
            let mut answer = Response::new(Bytes::new());
            *answer.headers_mut() = service.clone();
            cors.response(state, &mut answer);
            answer.headers().clone()
        }
    }
}
