//! Small texts of the manifest and the command line: what is written out is read in as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use settings::template;

fuzz_target!(|data: &[u8]| {
    let text = fuzz::text(data);
    fuzz::timed(|| check(&text));
});

fn check(text: &str) {
    match edge::Address::public(text) {
        Ok(address) => {
            assert_eq!(edge::Address::public(&address.to_string()), Ok(address));
            let alone = text.trim_start_matches([':', '+']).parse::<u16>().is_ok();
            assert!(!alone || address.ip().is_loopback(), "{text} is {address}");
        }
        Err(problem) => assert!(problem.starts_with("expected")),
    }
    if let Some(size) = settings::Size::parse(text) {
        assert_eq!(settings::Size::parse(&size.to_string().replace("bytes", "B")), Some(size));
    }
    if let Ok(span) = text.parse::<settings::Span>() {
        let whole = std::time::Duration::from_secs(span.0.as_secs());
        let read: settings::Span = span.to_string().parse().expect("it was written by us");
        let near = whole.abs_diff(read.0);
        assert!(near <= whole / 1_000_000 + std::time::Duration::from_secs(1), "{span}");
    }
    assert_eq!(template::fill(text, |_| None), text);
    let names = template::names(text).count();
    assert!(names <= text.matches('{').count());
}
