//! Journeys: mistakes have their place, and what was read can be asked anything.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [file, body] = fuzz::parts::<2>(data);
    let file = fuzz::text(file);
    fuzz::timed(|| check(&file, body));
});

fn check(file: &str, body: &[u8]) {
    let lines = file.lines().count().max(1);
    let journey = match journey::parse::parse(file) {
        Ok(journey) => journey,
        Err(mistake) => {
            assert!((1..=lines).contains(&mistake.line), "{mistake} of {lines} lines");
            return;
        }
    };
    assert!(!journey.entries.is_empty());
    if let Some(mistake) = journey.impossible(|_| false) {
        assert!((1..=lines).contains(&mistake.line));
    }
    let headers = vec![("Set-Cookie".to_owned(), fuzz::text(body))];
    let response = client::Response { status: 200, headers, body: body.to_vec(), closes: false };
    let peer = std::net::SocketAddr::from(([127, 0, 0, 1], 1));
    let walk = journey::Walk::new(peer, std::time::Duration::from_secs(1));
    for entry in &journey.entries {
        assert!((1..=lines).contains(&entry.line));
        // A variable without a value is an error, and nothing else.
        let _ = walk.request(entry);
        for (line, assert) in &entry.asserts {
            assert!((entry.line..=lines).contains(line));
            let _ = assert.mistake_in(&response, str::to_owned);
        }
        for (_, query) in &entry.captures {
            let _ = query.find(&response);
        }
    }
}
