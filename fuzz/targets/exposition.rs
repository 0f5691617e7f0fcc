//! Metrics as a service tells them: samples have names, and nothing grows by itself.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// The parser is private to its control.
#[path = "../../crates/controls/src/observability/metrics/exposition.rs"]
mod exposition;

fuzz_target!(|data: &[u8]| {
    let [before, after] = fuzz::parts::<2>(data);
    let (before, after) = (fuzz::text(before), fuzz::text(after));
    fuzz::timed(|| {
        let (first, last) = (exposition::parse(&before), exposition::parse(&after));
        assert!(first.len() <= before.lines().count());
        for sample in &first {
            assert!(!sample.name.is_empty() && sample.name.is_ascii());
            assert!(before.contains(&sample.labels));
        }
        // A series that stands twice in one text grows or not by its first.
        let mut names: Vec<_> = first.iter().map(|s| (&s.name, &s.labels)).collect();
        names.sort();
        let once = names.windows(2).all(|two| two[0] != two[1]);
        assert!(!once || exposition::increased(&first, &first).is_empty());
        assert!(exposition::increased(&first, &last).len() <= last.len());
        assert!(exposition::grown(&first, &last, Some("a"), 3).iter().all(|s| s.name == "a"));
    });
});
