//! Asking a service to stop without hurrying it.

use std::time::Duration;

/// Asks the process that listens to stop. What it was started by, a shell or npm, is asked only
/// when it does not end by itself then: two signals would hurry a service that had one.
pub(crate) async fn ask_to_stop(first: u32, leader: u32, signal: &'static str) {
    // One that has ended meanwhile needs no signal.
    let _ = process::signal::send(first, signal);
    if first == leader {
        return;
    }
    let lives = |pid: u32| process::tree::find(pid).is_some_and(|entry| !entry.zombie);
    while lives(first) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    if lives(leader) {
        let _ = process::signal::send(leader, signal);
    }
}
