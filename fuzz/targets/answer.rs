//! Answers from the wire: an answer is whole at one byte and no other, and no longer than what came.
#![no_main]

use client::message;
use libfuzzer_sys::fuzz_target;

// The parser is private to the client.
#[path = "../../crates/client/src/parse.rs"]
mod parse;

use parse::{Progress, parse};

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    fuzz::timed(|| check(bytes, first & 1 == 1, first & 2 == 2, usize::from(*first)));
});

fn check(bytes: &[u8], to_head: bool, ended: bool, step: usize) {
    let whole = parse(bytes, to_head, ended);
    if let Progress::Partial(Some(response), _) = &whole {
        assert!(response.body.len() <= bytes.len());
        assert!(
            !ended
                || response.header("transfer-encoding").is_some()
                || !response.closes
                || response.header("content-length").is_some()
        );
    }
    let Progress::Whole(response, taken) = whole else { return };
    assert!(taken <= bytes.len() && response.body.len() <= taken);
    assert!(!(100..200).contains(&response.status) || response.status == 101);
    assert_eq!(parse(&bytes[..taken], to_head, true), Progress::Whole(response.clone(), taken));
    // What has no end of its own is whole only when the connection ends.
    let ends_itself = matches!(parse(bytes, to_head, false), Progress::Whole(..));
    if !ends_itself {
        assert!(ended && response.closes);
        return;
    }
    for end in (0..taken).rev().step_by(1 + step).take(50) {
        let early = parse(&bytes[..end], to_head, false);
        assert!(matches!(early, Progress::Partial(..)), "{early:?} at {end} of {taken}");
        // Nobody is told to wait for longer than the whole.
        if let Progress::Partial(_, wanted) = early {
            assert!(wanted <= taken, "{wanted} of {taken}");
        }
    }
}
