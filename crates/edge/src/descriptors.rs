//! Descriptors: as many as the system gives, bounded for clients, so that some are always left for
//! the service, the probes and the log.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Left for everything that is no client: files, probes, the operators' socket, dependencies.
const RESERVED: u64 = 64;
/// A client needs one, and one at the service for its request.
const EACH: u64 = 2;
/// Where the system gives endlessly many, memory is the bound.
const MOST: u64 = 1_000_000;
/// That the bound is reached is said so often at most.
const SAID: Duration = Duration::from_secs(10);

/// The limit with which this process was started: a service may rely on it (`select` reads no
/// descriptor above 1023), so it is started with that again.
static STARTED_WITH: OnceLock<Rlimit> = OnceLock::new();

/// Raises the soft limit to the hard one. Returns how many clients there may be.
pub(crate) fn raise() -> usize {
    let own = *STARTED_WITH.get_or_init(|| getrlimit(Resource::Nofile));
    // Where it cannot be raised, what there is must do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: own.maximum, ..own });
    clients(getrlimit(Resource::Nofile).current)
}

/// How many clients a number of descriptors is enough for.
fn clients(descriptors: Option<u64>) -> usize {
    let left = descriptors.unwrap_or(MOST).min(MOST).saturating_sub(RESERVED);
    usize::try_from((left / EACH).max(1)).unwrap_or(usize::MAX)
}

/// While this lives, whatever is started gets the limit with which this process was started.
#[derive(Debug)]
pub(crate) struct AsStarted(Option<Rlimit>);

pub(crate) fn as_started() -> AsStarted {
    let Some(own) = STARTED_WITH.get() else { return AsStarted(None) };
    let raised = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, *own);
    AsStarted(Some(raised))
}

impl Drop for AsStarted {
    fn drop(&mut self) {
        if let Some(raised) = self.0 {
            let _ = setrlimit(Resource::Nofile, raised);
        }
    }
}

/// The places for clients, of all workers together. Clones are one.
#[derive(Clone)]
pub(crate) struct Places(Arc<Inner>);

struct Inner {
    most: usize,
    taken: AtomicUsize,
    said: Mutex<Option<Instant>>,
    say: Box<dyn Fn(&str) + Send + Sync>,
}

/// One place; it is free again when this is dropped.
pub(crate) struct Place(Arc<Inner>);

impl Places {
    pub(crate) fn new(most: usize, say: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let (taken, said, say) = (AtomicUsize::new(0), Mutex::new(None), Box::new(say));
        Self(Arc::new(Inner { most, taken, said, say }))
    }

    /// Whether another client may come; says so where not.
    pub(crate) fn is_full(&self) -> bool {
        let full = self.0.taken.load(Ordering::Relaxed) >= self.0.most;
        if full {
            self.tell();
        }
        full
    }

    pub(crate) fn take(&self) -> Place {
        self.0.taken.fetch_add(1, Ordering::Relaxed);
        Place(Arc::clone(&self.0))
    }

    fn tell(&self) {
        let mut said = self.0.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|at| at.elapsed() > SAID) {
            *said = Some(Instant::now());
            (self.0.say)(&format!(
                "{} clients are connected, as many as the limit of open files allows (ulimit -n); \
                 others wait until one leaves",
                self.0.most
            ));
        }
    }
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Places").field("most", &self.0.most).finish_non_exhaustive()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_always_left() {
        assert_eq!(clients(Some(1024)), 480);
        assert_eq!(clients(Some(10)), 1, "one client is served whatever the limit");
        assert_eq!(clients(None), 499_968);
    }

    #[test]
    fn the_bound_is_told_once() {
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        let places = Places::new(1, move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert!(!places.is_full());
        let place = places.take();
        assert!(places.is_full() && places.is_full());
        assert_eq!(told.load(Ordering::Relaxed), 1);
        drop(place);
        assert!(!places.is_full());
    }
}
