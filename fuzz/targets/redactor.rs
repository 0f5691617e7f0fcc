//! Known secrets: none is left in any of its forms, and twice is the same as once.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use redact::Redactor;

fuzz_target!(|data: &[u8]| {
    let [how, rest @ ..] = data else { return };
    let [secret, other, before, after] = fuzz::parts::<4>(rest);
    let [secret, other, before, after] = [secret, other, before, after].map(fuzz::text);
    fuzz::timed(|| check(*how, &secret, &other, &before, &after));
});

fn check(how: u8, secret: &str, other: &str, before: &str, after: &str) {
    let redactor = Redactor::default();
    redactor.learn("KEY", secret);
    redactor.learn("OTHER_KEY", other);
    let form = match how % 6 {
        0 => secret.to_owned(),
        1 => serde_json::to_string(secret).expect("it is text"),
        2 => percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC)
            .to_string(),
        3 => secret.bytes().map(|byte| format!("{byte:02X}")).collect(),
        4 => STANDARD.encode(format!("{before}{secret}{after}")),
        _ => URL_SAFE_NO_PAD.encode(format!("{before}{secret}{after}")),
    };
    let clean = match how % 6 {
        4 | 5 => redactor.mask(&form),
        _ => redactor.mask(&format!("{before}{form}{after}")),
    };
    assert_eq!(redactor.mask(&clean), clean, "twice is the same as once");
    let long = secret.len() >= if how % 6 > 3 { 6 } else { redact::SHORTEST };
    // What stands in its place may hold a short secret.
    let in_mask = "‹KEY›‹OTHER_KEY›".to_lowercase().contains(&form.to_lowercase());
    if long && !in_mask {
        assert!(!clean.contains(&form), "{form:?} in {clean:?}");
        assert!(clean.contains('‹'), "{clean:?}");
    }
    let mut value = serde_json::json!({ "a": [secret, after], "k": { before: other } });
    redactor.mask_json(&mut value);
    let mut again = value.clone();
    redactor.mask_json(&mut again);
    assert_eq!(value, again);
}
