//! Guessing passwords is stopped by account, from wherever it comes: waits that grow, then a lock
//! that ends by itself (ASVS 5.0, 6.3.1; OWASP Credential Stuffing Prevention). While an account is
//! locked the service is not asked, so that right and wrong get the same answer; and so do accounts
//! that do not exist.

mod account;
mod attempts;
mod known;
mod service;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};

use crate::route_pattern::RoutePattern;
use crate::shared_store::{SharedStore, Without};

pub use self::account::AccountPlace;
pub use self::attempts::Patience;
use self::known::{Known, Sprays};
pub use self::service::{LockoutLayer, LockoutService};

/// A log-in route, and what a failure looks like there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockoutRule {
    /// Its name, in the answer, the log and the metrics.
    pub name: String,
    pub route: RoutePattern,
    pub account: AccountPlace,
    /// The status codes of a wrong password.
    pub failed: Vec<StatusCode>,
    /// A text in the body that means one, whatever the status.
    pub failed_text: Option<String>,
    /// A part of `Location` that means one.
    pub failed_location: Option<String>,
    pub patience: Patience,
}

/// Everything that is guarded. Clones are one.
#[derive(Clone)]
pub struct Lockouts(Arc<Inner>);

struct Inner {
    rules: Vec<LockoutRule>,
    known: Known,
    sprays: Sprays,
    /// The address of a client, as whoever counts clients knows it.
    client: Box<dyn Fn(&HeaderMap) -> String + Send + Sync>,
    say: Box<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Lockouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lockouts").field("rules", &self.0.rules).finish_non_exhaustive()
    }
}

/// So many accounts with failures from one address within an hour are told: somebody tries a few
/// passwords with many names.
const SPRAY: usize = 20;
const SPRAY_WITHIN: Duration = Duration::from_secs(3600);

impl Lockouts {
    /// `before` are those of another configuration, whose counts go on; `client` is the address of a
    /// request's client; `say` is told of sprays.
    pub fn new(
        rules: Vec<LockoutRule>,
        shared: Option<(Arc<dyn SharedStore>, Without)>,
        before: Option<&Self>,
        client: impl Fn(&HeaderMap) -> String + Send + Sync + 'static,
        say: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let known = Known::new(shared, before.map(|before| &before.0.known));
        let sprays = Sprays::new(SPRAY, SPRAY_WITHIN);
        let (client, say) = (Box::new(client), Box::new(say));
        Self(Arc::new(Inner { rules, known, sprays, client, say }))
    }

    /// Forgets the failures of an account, at every route.
    pub async fn unlock(&self, account: &str) {
        let account = account.trim().to_lowercase();
        for rule in &self.0.rules {
            self.0.known.clear(&rule.name, &account).await;
        }
    }
}

#[cfg(test)]
mod tests;
