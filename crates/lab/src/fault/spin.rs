//! Keeps the proxies' thread awake for a moment after each piece of traffic.
//!
//! A request is usually answered within tens of microseconds, and going to sleep and waking up
//! takes a good part of that. Without traffic the thread sleeps.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// How long it stays awake after the last piece of traffic.
const AWAKE: Duration = Duration::from_micros(60);

#[derive(Debug)]
struct Spin {
    zero: Instant,
    /// Nanoseconds after `zero`.
    last: AtomicU64,
    sleeps: AtomicBool,
    wake: Notify,
}

fn spin() -> &'static Spin {
    static SPIN: OnceLock<Spin> = OnceLock::new();
    SPIN.get_or_init(|| Spin {
        zero: Instant::now(),
        last: AtomicU64::new(0),
        sleeps: AtomicBool::new(true),
        wake: Notify::new(),
    })
}

impl Spin {
    fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Something passed.
pub(super) fn traffic() {
    let spin = spin();
    spin.last.store(spin.now(), Ordering::Relaxed);
    if spin.sleeps.swap(false, Ordering::Relaxed) {
        spin.wake.notify_one();
    }
}

/// Runs on the proxies' thread for ever. Each yield lets the runtime look for events without
/// waiting for them.
pub(super) async fn keep_awake() {
    let spin = spin();
    let awake = u64::try_from(AWAKE.as_nanos()).unwrap_or(u64::MAX);
    loop {
        if spin.now().saturating_sub(spin.last.load(Ordering::Relaxed)) < awake {
            tokio::task::yield_now().await;
        } else {
            spin.sleeps.store(true, Ordering::Relaxed);
            spin.wake.notified().await;
        }
    }
}
