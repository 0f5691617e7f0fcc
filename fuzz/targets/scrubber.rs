//! The log: what is planted in a line is not in it afterwards, and twice is the same as once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use redact::{Redactor, Scrubber, Style};

const CARDS: [&str; 3] = ["4111111111111111", "378282246310005", "5555 5555 5555 4444"];
const MAIL: &str = "ann.lee+x@mail.example.com";
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl";
const KNOWN: &str = "declared-secret-value";

fuzz_target!(|data: &[u8]| {
    let [how, rest @ ..] = data else { return };
    let [before, after] = fuzz::parts::<2>(rest);
    let (before, after) = (fuzz::text(before), fuzz::text(after));
    fuzz::timed(|| check(*how, &before, &after));
});

fn check(how: u8, before: &str, after: &str) {
    let known = Redactor::default();
    known.learn("KEY", KNOWN);
    let scrubber = Scrubber::new(known, Style::Mask);
    let planted = match how % 6 {
        0 => CARDS[usize::from(how) / 6 % 3],
        1 => MAIL,
        2 => JWT,
        3 => KNOWN,
        4 => return named(&scrubber, before, after),
        _ => "",
    };
    let again = !planted.is_empty() && [before, after].iter().any(|text| text.contains(planted));
    if again || (how % 6 == 0 && joins_digits(before, after)) {
        return;
    }
    let line = format!("{before}{planted}{after}");
    let clean = scrubber.scrub(&line);
    let there = !planted.is_empty() && clean.contains(planted);
    assert!(!there, "{planted} in {clean:?}");
    assert_eq!(scrubber.scrub(&clean), clean, "twice is the same as once");
}

/// Digits right beside a card make another number of it.
fn joins_digits(before: &str, after: &str) -> bool {
    before.ends_with(|c: char| c.is_ascii_digit())
        // After a point they are a fraction's.
        || before.strip_suffix('.').is_some_and(|b| b.ends_with(|c: char| c.is_ascii_digit()))
        || after.starts_with(|c: char| c.is_ascii_digit())
}

/// A password as JSON, as JSON within JSON, and within a query.
fn named(scrubber: &Scrubber, before: &str, after: &str) {
    let password = format!("hunter2{before}{after}hunter3");
    let json = serde_json::json!({ "user": "a", "password": password, "n": 1 }).to_string();
    let nested = serde_json::json!({ "message": json }).to_string();
    let bytes = percent_encoding::NON_ALPHANUMERIC;
    let query =
        format!("/a?password={}&b=1", percent_encoding::utf8_percent_encode(&password, bytes));
    for line in [json, nested, query] {
        let clean = scrubber.scrub(&line);
        assert!(!clean.contains("hunter"), "{line} became {clean}");
    }
}
