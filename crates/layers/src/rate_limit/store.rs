//! One number for each key, in a bounded memory: when it is full, what is over goes first, then what
//! is nearest to being over.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// So many keys at most: 16 bytes each, and what the tables need, come to about 40 MB.
const MOST: usize = 1_000_000;
/// Several threads seldom meet in one part.
const PARTS: usize = 64;
/// So many are looked at to find one that may go.
const SAMPLE: usize = 16;

/// When the next one of each key is due, in nanoseconds.
#[derive(Debug)]
pub(super) struct Store {
    parts: Vec<Mutex<HashMap<u64, u64>>>,
    /// Secret: nobody can choose keys that fall together.
    hasher: RandomState,
    most: usize,
}

impl Store {
    pub(super) fn new() -> Self {
        Self::bounded(MOST)
    }

    fn bounded(most: usize) -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { parts, hasher: RandomState::new(), most: most / PARTS }
    }

    /// Lets the key's number be changed: what it was (0 before anybody came) becomes what is
    /// returned, if anything.
    pub(super) fn change<T>(
        &self,
        key: &(impl std::hash::Hash + ?Sized),
        now: u64,
        change: impl FnOnce(u64) -> (Option<u64>, T),
    ) -> T {
        let hash = self.hasher.hash_one(key);
        let part = &self.parts[usize::try_from(hash % PARTS as u64).unwrap_or(0)];
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, told) = change(part.get(&hash).copied().unwrap_or(0));
        if let Some(next) = next {
            if part.len() >= self.most && !part.contains_key(&hash) {
                make_room(&mut part, now);
            }
            part.insert(hash, next);
        }
        told
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let lens = self.parts.iter().map(|part| part.lock().map_or(0, |part| part.len()));
        lens.sum()
    }
}

fn make_room(part: &mut HashMap<u64, u64>, now: u64) {
    let seen = part.iter().take(SAMPLE);
    let over: Vec<u64> = seen.clone().filter(|(_, next)| **next <= now).map(|(k, _)| *k).collect();
    let nearest = seen.min_by_key(|(_, next)| **next).map(|(key, _)| *key);
    for key in over.into_iter().chain(nearest) {
        part.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_within_its_bounds_whoever_comes() {
        let store = Store::bounded(6400);
        for key in 0..100_000_u64 {
            store.change(&key, 0, |was| (Some(was + 1), ()));
        }
        assert!(store.len() <= 6400, "{}", store.len());
    }

    #[test]
    fn a_key_keeps_its_number_and_what_is_refused_changes_nothing() {
        let store = Store::new();
        store.change("a", 0, |was| (Some(was + 7), ()));
        assert_eq!(store.change("a", 0, |was| (None, was)), 7);
        assert_eq!(store.change("a", 0, |was| (None, was)), 7);
        assert_eq!(store.change("b", 0, |was| (None, was)), 0);
    }
}
