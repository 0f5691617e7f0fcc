//! A process that left its family (session, environment, parent) is adopted, found and ended.

use std::process::Command;
use std::time::{Duration, Instant};

use process::tree;

#[test]
fn a_process_that_left_everything_behind_is_ended() {
    tree::adopt_orphans().expect("Linux can");
    let status = Command::new("sh")
        .args(["-c", "env -i setsid sh -c 'sleep 300' >/dev/null 2>&1 </dev/null &"])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .status();
    assert!(status.expect("sh is there").success());
    // The orphan is adopted a moment after its parent has ended.
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut ended = Vec::new();
    while ended.is_empty() && Instant::now() < deadline {
        ended = tree::end_strays();
    }
    assert!(!ended.is_empty(), "it was not found");
    for member in ended {
        assert!(tree::find(member.pid).is_none_or(|entry| entry.zombie), "{member:?} lives");
    }
}
