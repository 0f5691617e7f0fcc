//! What is known of accounts and addresses: here, or in a store that several edges share.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::attempts::{Attempts, Patience};
use crate::shared_store::{SharedScript, SharedStore, Without, key};

/// So many accounts are known at most: 32 bytes each.
const MOST: usize = 500_000;
/// So many are looked at to find one that may go.
const SAMPLE: usize = 16;

/// What is known of accounts.
pub(super) struct Known {
    local: Arc<Mutex<HashMap<u64, Attempts>>>,
    /// Secret: nobody can choose names that fall together.
    hasher: RandomState,
    zero: Instant,
    most: usize,
    shared: Option<(Arc<dyn SharedStore>, Without)>,
}

/// Somebody tries: the same as [`Attempts::begin`]. Out comes how long nobody may, in milliseconds.
static BEGIN: SharedScript = SharedScript(
    r"local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local delay_after, lock_after = tonumber(ARGV[1]), tonumber(ARGV[2])
local lock, forget = tonumber(ARGV[3]), tonumber(ARGV[4])
local known = redis.call('HMGET', KEYS[1], 'failures', 'until')
local failures, ends = tonumber(known[1] or '0'), tonumber(known[2] or '0')
if now < ends then return {ends - now} end
if failures >= lock_after then failures = math.min(delay_after, lock_after - 1) end
failures = failures + 1
local wait = 0
if failures >= lock_after then wait = lock
elseif failures >= delay_after then wait = math.min(lock, 1000 * 2 ^ (failures - delay_after)) end
redis.call('HSET', KEYS[1], 'failures', failures, 'until', string.format('%.0f', now + wait))
redis.call('PEXPIRE', KEYS[1], wait + forget)
return {0}",
);

static TAKE_BACK: SharedScript = SharedScript(
    r"if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('HINCRBY', KEYS[1], 'failures', -1)
  redis.call('HSET', KEYS[1], 'until', '0')
end
return {0}",
);

static CLEAR: SharedScript = SharedScript("redis.call('DEL', KEYS[1]) return {0}");

/// Whether somebody may try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    Try,
    /// So much later, in milliseconds.
    Later(u64),
    /// The store is away, and without it nobody may.
    Unknown,
}

impl Known {
    pub(super) fn new(
        shared: Option<(Arc<dyn SharedStore>, Without)>,
        before: Option<&Self>,
    ) -> Self {
        match before {
            Some(before) => Self {
                local: Arc::clone(&before.local),
                hasher: before.hasher.clone(),
                zero: before.zero,
                most: before.most,
                shared,
            },
            None => Self {
                local: Arc::default(),
                hasher: RandomState::new(),
                zero: Instant::now(),
                most: MOST,
                shared,
            },
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<u64, Attempts>> {
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        // The first moment is not the one of somebody who has never tried.
        u64::try_from(self.zero.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    pub(super) async fn begin(&self, rule: &str, account: &str, patience: &Patience) -> May {
        if let Some((store, without)) = &self.shared {
            let keys = vec![key("lockout", rule, account.as_bytes())];
            match (store.call(&BEGIN, keys, patience.arguments()).await, without) {
                (Ok(told), _) => {
                    let wait = told.first().copied().unwrap_or(0).unsigned_abs();
                    return if wait == 0 { May::Try } else { May::Later(wait) };
                }
                (Err(_), Without::Refuse) => return May::Unknown,
                (Err(_), Without::Local) => {}
            }
        }
        let (now, hash) = (self.now(), self.hasher.hash_one((rule, account)));
        let mut all = self.all();
        if all.len() >= self.most && !all.contains_key(&hash) {
            make_room(&mut all);
        }
        match all.entry(hash).or_default().begin(patience, now) {
            Ok(()) => May::Try,
            Err(wait) => May::Later(wait),
        }
    }

    /// It was neither right nor wrong.
    pub(super) async fn take_back(&self, rule: &str, account: &str) {
        self.shared_too(&TAKE_BACK, rule, account).await;
        let hash = self.hasher.hash_one((rule, account));
        if let Some(attempts) = self.all().get_mut(&hash) {
            attempts.take_back();
        }
    }

    /// It was right, or somebody says so.
    pub(super) async fn clear(&self, rule: &str, account: &str) {
        self.shared_too(&CLEAR, rule, account).await;
        self.all().remove(&self.hasher.hash_one((rule, account)));
    }

    async fn shared_too(&self, script: &'static SharedScript, rule: &str, account: &str) {
        if let Some((store, _)) = &self.shared {
            let keys = vec![key("lockout", rule, account.as_bytes())];
            // Away, it forgets by itself in time.
            let _ = store.call(script, keys, Vec::new()).await;
        }
    }
}

/// Somebody may invent accounts: of a few that are looked at, the one with the fewest failures goes,
/// which is not one that is being guessed.
fn make_room(all: &mut HashMap<u64, Attempts>) {
    let fewest = all.iter().take(SAMPLE).min_by_key(|(_, attempts)| attempts.failures());
    if let Some(hash) = fewest.map(|(hash, _)| *hash) {
        all.remove(&hash);
    }
}

/// How many accounts failed from each address.
pub(super) struct Sprays {
    by_address: Mutex<HashMap<String, (Instant, HashSet<u64>)>>,
    hasher: RandomState,
    many: usize,
    within: Duration,
}

/// So many addresses are looked after at once.
const ADDRESSES: usize = 10_000;

impl Sprays {
    pub(super) fn new(many: usize, within: Duration) -> Self {
        Self { by_address: Mutex::default(), hasher: RandomState::new(), many, within }
    }

    /// Notes a failure. Whether it makes too many accounts, which is told once.
    pub(super) fn note(&self, address: &str, account: &str) -> bool {
        let now = Instant::now();
        let mut all = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= ADDRESSES {
            all.retain(|_, (began, _)| now.duration_since(*began) < self.within);
            if all.len() >= ADDRESSES {
                return false;
            }
        }
        let (began, accounts) = all.entry(address.to_owned()).or_insert((now, HashSet::new()));
        if now.duration_since(*began) >= self.within {
            (*began, *accounts) = (now, HashSet::new());
        }
        accounts.len() <= self.many
            && accounts.insert(self.hasher.hash_one(account))
            && accounts.len() == self.many
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_invents_accounts_does_not_make_one_forgotten_that_is_guessed() {
        let known = Known { most: 100, ..Known::new(None, None) };
        let patience = Patience { delay_after: 5, lock_after: 5, ..Patience::default() };
        for _ in 0..5 {
            assert_eq!(known.begin("log-in", "ann", &patience).await, May::Try);
        }
        for number in 0..10_000 {
            known.begin("log-in", &format!("invented {number}"), &patience).await;
        }
        assert!(known.all().len() <= 100);
        assert!(matches!(known.begin("log-in", "ann", &patience).await, May::Later(_)));
    }
}
