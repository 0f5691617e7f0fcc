//! API documents that a service tells: requests can be made from any of them, in time, and each is
//! one request.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// What the reader uses of its crate.
mod surface {
    pub mod tour {
        pub fn path_of(request: &client::Request) -> &str {
            request.target.split('?').next().unwrap_or_default()
        }
    }
}

// The reader is private to its control.
#[path = "../../crates/controls/src/traffic/input_validation/openapi.rs"]
mod openapi;

fuzz_target!(|data: &[u8]| {
    let Ok(document) = serde_json::from_slice(data) else { return };
    let all = fuzz::timed(|| openapi::requests(&document, &[]));
    for request in all {
        let values: Vec<_> = request.target.split_once('?').into_iter().collect();
        assert!(values.iter().all(|(_, query)| !query.contains([' ', '\r', '\n'])), "{request:?}");
        if !request.body.is_empty() {
            let _: serde_json::Value = serde_json::from_slice(&request.body).expect("it is JSON");
        }
    }
});
