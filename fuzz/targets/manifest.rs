//! Manifests: every mistake lies within the text, and the edge takes every good one or says why not.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use settings::parse::Origin;

fuzz_target!(|data: &[u8]| {
    let text = fuzz::text(data);
    fuzz::timed(|| check(&text));
});

fn check(text: &str) {
    let lines = text.split('\n').count();
    let parsed = match settings::parse(text) {
        Ok(parsed) => parsed,
        Err(mistakes) => {
            assert!(!mistakes.is_empty());
            for mistake in mistakes {
                let at = mistake.at.clone();
                assert!(at.start <= at.end && at.end <= text.len(), "{mistake:?}");
                assert!(text.get(at).is_some(), "{mistake:?} is within a letter");
                assert!((1..=lines).contains(&mistake.place(text).0), "{mistake:?}");
                assert!(!mistake.message.is_empty());
            }
            return;
        }
    };
    assert!(parsed.notes.iter().all(|(line, _)| (1..=lines).contains(line)));
    if let Origin::Declared(line) = parsed.origin("service.start") {
        assert!((1..=lines).contains(&line));
    }
    let ids: Vec<_> = settings::supply::SUPPLIED.iter().map(|(id, _)| (*id).to_owned()).collect();
    let values: BTreeMap<String, String> = parsed
        .manifest
        .environment
        .iter()
        .filter_map(|(name, variable)| Some((name.clone(), variable.value.clone()?)))
        .collect();
    if let Err(problems) = edge::Config::new(&parsed.manifest, &ids, Vec::new(), &values) {
        assert!(!problems.is_empty() && problems.iter().all(|problem| !problem.is_empty()));
    }
}
