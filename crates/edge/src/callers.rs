//! Who asks, and how often: what stands behind the one boundary at which requests may wait.

use std::sync::Arc;

use layers::{LimitKey, LimitRule, Limits, Lockouts, RateLimits, SharedStore, Without};

use crate::config::{Config, Problem};
use crate::output::Output;
use crate::redis_store::RedisStore;
use crate::stack::Callers;
use crate::tokens::{self, Revocations};

/// Everything about who asks.
pub(crate) struct Asked {
    /// Nothing where nobody is asked and nothing is counted.
    pub(crate) callers: Option<Callers>,
    pub(crate) revoked: Revocations,
    /// Nothing where no log-in is guarded.
    pub(crate) lockouts: Option<Lockouts>,
}

/// Opens what was declared.
///
/// # Errors
/// Which file or address is wrong, and how.
pub(crate) fn open(config: &Config, err: &Output) -> Result<Asked, Problem> {
    let say =
        |err: Output| move |text: &str| err.say_soon(format!("seaworthy: {text}\n").as_bytes());
    let (tokens, revoked) = match config.tokens.clone() {
        Some(declared) => {
            let (tokens, revoked) = tokens::open(declared, say(err.clone()))?;
            (Some(tokens), revoked)
        }
        None => (None, Revocations::default()),
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
    let before = limits(config, &shared, |rule| !named(rule));
    let after = limits(config, &shared, named);
    let any = before.is_some() || tokens.is_some();
    let lockouts = (!config.lockouts.is_empty()).then(|| {
        let addresses = RateLimits::new(Vec::new(), trusts(config));
        let client = move |headers: &http::HeaderMap| addresses.client_of(headers);
        Lockouts::new(config.lockouts.clone(), shared, client, say(err.clone()))
    });
    Ok(Asked { callers: any.then_some((before, (tokens, after))), revoked, lockouts })
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
    which: impl Fn(&LimitRule) -> bool,
) -> Option<Limits> {
    let rules: Vec<_> = config.limits.iter().filter(|rule| which(rule)).cloned().collect();
    if rules.is_empty() {
        return None;
    }
    let limits = RateLimits::new(rules, trusts(config));
    Some(match shared {
        Some((store, without)) => Limits::shared(limits, Arc::clone(store), *without),
        None => Limits::local(limits),
    })
}
