//! Who asks, and how often: what stands behind the one boundary at which requests may wait.

use std::sync::Arc;

use layers::{Counts, LimitKey, LimitRule, Limits, Lockouts, RateLimits, SharedStore, Without};

use crate::config::{Config, Problem};
use crate::output::Output;
use crate::redis_store::RedisStore;
use crate::stack::Callers;
use crate::tokens::{self, Published, Revocations};

/// Everything about who asks.
pub(crate) struct Asked {
    /// Nothing where nobody is asked and nothing is counted.
    pub(crate) callers: Option<Arc<Callers>>,
    /// Nothing where no log-in is guarded.
    pub(crate) lockouts: Option<Lockouts>,
}

/// What goes on under another configuration.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) counts: Counts,
    pub(crate) revoked: Revocations,
    pub(crate) published: Published,
    pub(crate) lockouts: Option<Lockouts>,
}

/// Opens what was declared.
///
/// # Errors
/// Which file or address is wrong, and how.
pub(crate) fn open(config: &Config, err: &Output, kept: &mut Kept) -> Result<Asked, Problem> {
    let say =
        |err: Output| move |text: &str| err.say_soon(format!("seaworthy: {text}\n").as_bytes());
    let tokens = match config.tokens.clone() {
        Some(declared) => {
            let (tokens, revoked) =
                tokens::open(declared, &kept.revoked, &mut kept.published, say(err.clone()))?;
            kept.revoked = revoked;
            Some(tokens)
        }
        None => None,
    };
    let shared = match &config.shared {
        Some(shared) => {
            let store = RedisStore::open(&shared.url, say(err.clone()))?;
            Some((Arc::new(store) as Arc<dyn SharedStore>, shared.without))
        }
        None => None,
    };
    // Whom a token is about is known behind it only.
    let named = |rule: &LimitRule| tokens.is_some() && rule.key == LimitKey::Identity;
    let before = limits(config, &shared, &kept.counts, |rule| !named(rule));
    let after = limits(config, &shared, &kept.counts, named);
    let any = before.is_some() || tokens.is_some();
    let lockouts = (!config.lockouts.is_empty()).then(|| {
        let addresses = RateLimits::new(Vec::new(), trusts(config));
        let client = move |headers: &http::HeaderMap| addresses.client_of(headers);
        let before = kept.lockouts.as_ref();
        Lockouts::new(config.lockouts.clone(), shared, before, client, say(err.clone()))
    });
    kept.lockouts.clone_from(&lockouts);
    let callers = any.then(|| Arc::new((before, (tokens, after))));
    Ok(Asked { callers, lockouts })
}

/// Whether an address is a proxy's whose word counts.
fn trusts(config: &Config) -> impl Fn(std::net::IpAddr) -> bool + Send + Sync + use<> {
    let trusted = Arc::clone(&config.trusted);
    move |ip| trusted.iter().any(|range| range.contains(ip))
}

/// The limits of rates, which count for all addresses together.
fn limits(
    config: &Config,
    shared: &Option<(Arc<dyn SharedStore>, Without)>,
    counts: &Counts,
    which: impl Fn(&LimitRule) -> bool,
) -> Option<Limits> {
    let rules: Vec<_> = config.limits.iter().filter(|rule| which(rule)).cloned().collect();
    if rules.is_empty() {
        return None;
    }
    let limits = RateLimits::new(rules, trusts(config)).counted_in(counts);
    Some(match shared {
        Some((store, without)) => Limits::shared(limits, Arc::clone(store), *without),
        None => Limits::local(limits),
    })
}
