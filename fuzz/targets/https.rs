//! HTTPS: a redirect leads to the host that was asked for and nowhere else.
#![no_main]

use http::{Response, Uri};
use layers::{Https, Policy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [target, lines] = fuzz::parts::<2>(data);
    let Some(mut request) = fuzz::request(target, lines) else { return };
    let https = Https::default();
    let words: Vec<_> = request.headers().get_all("x-forwarded-proto").iter().cloned().collect();
    match https.request(&mut request) {
        Ok(secure) => {
            let last = words.last().map(|word| fuzz::text(word.as_bytes()).to_ascii_lowercase());
            let last = last.and_then(|word| word.rsplit(',').next().map(|w| w.trim().to_owned()));
            assert_eq!(secure, last.as_deref() == Some("https"), "{words:?}");
            let mut answer = Response::new(());
            https.response(secure, &mut answer);
            assert_eq!(answer.headers().contains_key("strict-transport-security"), secure);
        }
        Err(answer) if answer.status() == 308 => {
            let location = answer.headers()["location"].to_str().expect("it is text");
            let read: Uri = location.parse().unwrap_or_else(|e| panic!("{location}: {e}"));
            assert_eq!(read.scheme_str(), Some("https"), "{location}");
            let host = request.headers()["host"].to_str().expect("it is text");
            let asked: http::uri::Authority = host.parse().expect("it was taken");
            assert_eq!(read.host(), Some(asked.host()), "{location}");
            assert!(
                !asked.host().is_empty()
                    && read.authority().is_some_and(|a| !a.as_str().contains('@')),
                "{location}"
            );
            let paths = (read.path(), request.uri().path());
            assert!(paths.0 == paths.1 || paths.0 == "/", "{paths:?}");
        }
        Err(answer) => assert_eq!(answer.status(), 400),
    }
});
