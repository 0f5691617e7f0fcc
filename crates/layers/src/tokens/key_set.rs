//! A key set that an issuer publishes: fetched once for everybody who waits, kept while the issuer is
//! away, and fetched again when a token names a key that is not in it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::Algorithm;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use super::keys::Keys;
use crate::waiting_policy::Pending;

/// Fetches the set, or says why it cannot.
type Fetch = Box<dyn Fn() -> Pending<Result<Vec<u8>, String>> + Send + Sync>;
type Say = Box<dyn Fn(&str) + Send + Sync>;

/// How it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySetTimes {
    /// After so long it is fetched again while the present one serves; five minutes by default.
    pub fresh: Duration,
    /// Between two fetches for a key that is not in it: whoever invents names of keys must not make
    /// us ask the issuer with each; 30 seconds by default.
    pub floor: Duration,
    /// The longest time for one fetch; five seconds by default.
    pub within: Duration,
}

impl Default for KeySetTimes {
    fn default() -> Self {
        let of = Duration::from_secs;
        Self { fresh: of(300), floor: of(30), within: of(5) }
    }
}

/// A key set that is fetched. Clones are one.
#[derive(Clone)]
pub struct KeySet(Arc<Inner>);

struct Inner {
    fetch: Fetch,
    say: Say,
    times: KeySetTimes,
    now: RwLock<Known>,
    /// One fetch at a time.
    flight: Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    keys: Arc<Keys>,
    /// When it was fetched last, and when that was tried last.
    fetched: Option<Instant>,
    tried: Option<Instant>,
    /// What the last try came to, if not to keys.
    problem: Option<String>,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySet").field("now", &self.known()).finish_non_exhaustive()
    }
}

/// Whether there are keys for a token.
pub(super) enum Ready {
    /// These; none of them may fit.
    Keys(Arc<Keys>),
    /// First the set is fetched.
    Wait(Pending<()>),
    /// There were never any, and they cannot be had at the moment.
    Nothing,
}

impl KeySet {
    /// `fetch` gets the set; `say` is told when that fails, and when keys have changed.
    pub fn new(
        fetch: impl Fn() -> Pending<Result<Vec<u8>, String>> + Send + Sync + 'static,
        say: impl Fn(&str) + Send + Sync + 'static,
        times: KeySetTimes,
    ) -> Self {
        let (now, flight) = (RwLock::default(), Mutex::default());
        let (fetch, say) = (Box::new(fetch), Box::new(say));
        Self(Arc::new(Inner { fetch, say, times, now, flight }))
    }

    fn known(&self) -> Known {
        self.0.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches it now, unless somebody has since this was asked.
    pub async fn fetch(&self) {
        let asked = Instant::now();
        let _one = self.0.flight.lock().await;
        if self.known().tried.is_some_and(|tried| tried >= asked) {
            return;
        }
        let fetched = tokio::time::timeout(self.0.times.within, (self.0.fetch)()).await;
        let fetched = fetched.unwrap_or_else(|_| Err("it did not come in time".to_owned()));
        let keys = fetched.and_then(|json| Keys::set(&json));
        let mut known = self.known();
        known.tried = Some(Instant::now());
        match keys {
            Ok(keys) => {
                if known.problem.take().is_some() || known.keys.names() != keys.names() {
                    (self.0.say)(&format!("the key set has these keys now: {}", keys.names()));
                }
                (known.keys, known.fetched) = (Arc::new(keys), known.tried);
            }
            Err(problem) => {
                if known.problem.as_ref() != Some(&problem) {
                    let what = match known.fetched {
                        Some(_) => "the last one serves",
                        None => "tokens cannot be verified until it comes",
                    };
                    (self.0.say)(&format!("the key set cannot be fetched ({problem}); {what}"));
                }
                known.problem = Some(problem);
            }
        }
        *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// The keys for a token with this header. `waited` says that it has been fetched for it already.
    pub(super) fn for_token(&self, id: Option<&str>, alg: Algorithm, waited: bool) -> Ready {
        let known = self.known();
        let old = |when: Option<Instant>, longest| when.is_none_or(|at| at.elapsed() >= longest);
        let set = self.clone();
        let fits = known.keys.fitting(id, alg).next().is_some();
        if !fits && !waited {
            // A first try that failed is worth another one soon.
            let floor = if known.fetched.is_some() { self.0.times.floor } else { SOON };
            if old(known.tried, floor) {
                return Ready::Wait(Box::pin(async move { set.fetch().await }));
            }
        }
        if known.fetched.is_none() {
            return Ready::Nothing;
        }
        let floor = self.0.times.floor.min(self.0.times.fresh);
        if old(known.fetched, self.0.times.fresh)
            && old(known.tried, floor)
            && self.0.flight.try_lock().is_ok()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(async move { set.fetch().await });
        }
        Ready::Keys(known.keys)
    }
}

/// Between two tries to get the first one.
const SOON: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Plain;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn json(kid: &str) -> Vec<u8> {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}]}}"#).into()
    }

    /// A set that is "one", then "two", then away.
    fn set(times: KeySetTimes) -> (KeySet, Arc<AtomicUsize>, Arc<Plain<Vec<String>>>) {
        let (count, told) = (Arc::new(AtomicUsize::new(0)), Arc::<Plain<Vec<String>>>::default());
        let (counted, said) = (Arc::clone(&count), Arc::clone(&told));
        let fetch = move || -> Pending<_> {
            let number = counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                match number {
                    0 => Ok(json("one")),
                    1 => Ok(json("two")),
                    _ => Err("away".to_owned()),
                }
            })
        };
        let say = move |text: &str| said.lock().expect("sound").push(text.to_owned());
        (KeySet::new(fetch, say, times), count, told)
    }

    async fn fits(set: &KeySet, kid: &str) -> bool {
        let mut waited = false;
        loop {
            match set.for_token(Some(kid), Algorithm::EdDSA, waited) {
                Ready::Wait(pending) => pending.await,
                Ready::Nothing => return false,
                Ready::Keys(keys) => {
                    return keys.fitting(Some(kid), Algorithm::EdDSA).next().is_some();
                }
            }
            waited = true;
        }
    }

    #[tokio::test]
    async fn it_is_fetched_once_for_all_and_again_for_a_new_key_but_not_for_every_invented_one() {
        let times = KeySetTimes { floor: Duration::ZERO, ..KeySetTimes::default() };
        let (kept, count, _) = set(times);
        let all = futures_util::future::join_all((0..50).map(|_| fits(&kept, "one"))).await;
        assert!(all.into_iter().all(|fits| fits));
        assert_eq!(count.load(Ordering::Relaxed), 1, "one flight");
        assert!(fits(&kept, "two").await, "the issuer has a new key");
        let (kept, count, _) = set(KeySetTimes::default());
        assert!(fits(&kept, "one").await);
        for _ in 0..20 {
            assert!(!fits(&kept, "invented").await);
        }
        assert_eq!(count.load(Ordering::Relaxed), 1, "not before the floor");
    }

    #[tokio::test]
    async fn while_the_issuer_is_away_the_last_keys_serve_and_it_is_said_once() {
        let times = KeySetTimes { floor: Duration::ZERO, ..KeySetTimes::default() };
        let (kept, _, told) = set(times);
        for _ in 0..5 {
            kept.fetch().await;
        }
        assert!(fits(&kept, "two").await);
        let told = told.lock().expect("sound").clone();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[2].contains("(away); the last one serves"), "{told:?}");
    }

    #[tokio::test]
    async fn what_is_old_is_fetched_beside_the_requests() {
        let times = KeySetTimes { fresh: Duration::ZERO, ..KeySetTimes::default() };
        let (kept, count, _) = set(times);
        assert!(fits(&kept, "one").await && fits(&kept, "one").await);
        while count.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
    }
}
