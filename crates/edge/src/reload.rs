//! Another configuration while everything runs: read whole, and put in place of the old one only when
//! nothing in it is wrong. A connection that was opened before ends with its next answer; what was
//! counted goes on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use layers::Lockouts;
use tokio::sync::watch;

use crate::assembly::Assembly;
use crate::callers::{self, Kept};
use crate::config::{Address, Config, Problem};
use crate::output::Output;
use crate::stack::Parts;
use crate::tokens::Revocations;

/// Reads the configuration anew.
pub type Reread = Box<dyn Fn() -> Result<Config, Vec<Problem>> + Send + Sync>;

/// What stands before the service on one address, now.
#[derive(Debug)]
pub(crate) struct Slot {
    address: Address,
    now: RwLock<Arc<Parts>>,
    changed: watch::Sender<()>,
}

impl Slot {
    pub(crate) fn now(&self) -> Arc<Parts> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells when there are others.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn set(&self, parts: Parts) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(parts);
        self.changed.send_replace(());
    }
}

/// Reloads. Clones are one.
#[derive(Clone)]
pub(crate) struct Reloader(Arc<Inner>);

struct Inner {
    reread: Reread,
    assembly: Assembly,
    /// What the run began with, where it counts for as long as it lasts.
    fixed: Vec<(&'static str, String)>,
    slots: Vec<Arc<Slot>>,
    kept: Mutex<Kept>,
    err: Output,
}

impl std::fmt::Debug for Reloader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reloader").finish_non_exhaustive()
    }
}

impl Reloader {
    /// Puts everything in its place for the first time.
    ///
    /// # Errors
    /// Which file or address is wrong, and how.
    pub(crate) fn begin(
        config: &Config,
        assembly: Assembly,
        err: Output,
        reread: Reread,
    ) -> Result<Self, Problem> {
        let mut kept = Kept::default();
        let asked = callers::open(config, &err, &mut kept)?;
        let slot = |address: &Address| {
            let parts = Arc::new(assembly.parts(config, &asked, address));
            let now = RwLock::new(parts);
            Arc::new(Slot { address: address.clone(), now, changed: watch::channel(()).0 })
        };
        let slots = config.addresses.iter().map(slot).collect();
        let (fixed, kept) = (fixed(config), Mutex::new(kept));
        Ok(Self(Arc::new(Inner { reread, assembly, fixed, slots, kept, err })))
    }

    /// One for each address, in their order.
    pub(crate) fn slots(&self) -> &[Arc<Slot>] {
        &self.0.slots
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log-ins that are guarded now.
    pub(crate) fn lockouts(&self) -> Option<Lockouts> {
        self.kept().lockouts.clone()
    }

    /// What was revoked.
    pub(crate) fn revoked(&self) -> Revocations {
        self.kept().revoked.clone()
    }

    /// Reads the configuration anew: what it takes a new start for.
    ///
    /// # Errors
    /// What is wrong with it; then everything stays as it was.
    pub(crate) fn reload(&self) -> Result<Vec<&'static str>, Problem> {
        let inner = &self.0;
        let config = (inner.reread)().map_err(|problems| problems.join("\n"))?;
        let mut kept = self.kept();
        let asked = callers::open(&config, &inner.err, &mut kept)?;
        for slot in &inner.slots {
            slot.set(inner.assembly.parts(&config, &asked, &slot.address));
        }
        let now = fixed(&config);
        let others = inner.fixed.iter().zip(&now).filter(|(old, new)| old.1 != new.1);
        Ok(others.map(|(old, _)| old.0).collect())
    }

    /// The same, and says what came of it.
    pub(crate) fn reload_and_say(&self) -> Result<Vec<&'static str>, Problem> {
        let reloaded = self.reload();
        let text = match &reloaded {
            Ok(others) if others.is_empty() => "the configuration was read anew".to_owned(),
            Ok(others) => format!(
                "the configuration was read anew; these need a new start: {}",
                others.join(", ")
            ),
            Err(problem) => format!("the configuration stays as it was: {problem}"),
        };
        self.0.err.say_soon(format!("seaworthy: {text}\n").as_bytes());
        reloaded
    }
}

/// What counts for as long as a run lasts, by its name in the manifest. It is compared and never
/// shown.
fn fixed(config: &Config) -> Vec<(&'static str, String)> {
    let addresses: Vec<_> = config.addresses.iter().map(|one| (&one.name, one.public)).collect();
    let masks = (config.supplied.scrub, &config.secrets, &config.private_paths);
    vec![
        ("supply.listen", format!("{addresses:?}")),
        ("supply.proxy_protocol", format!("{:?}", config.proxy_protocol)),
        ("supply.tls", format!("{:?}", config.tls)),
        ("supply.http2", format!("{:?}", (config.http2, config.service_http2))),
        ("supply.websocket", format!("{:?}", config.sockets)),
        ("supply.concurrency", format!("{:?}", config.concurrency)),
        ("supply.header_timeout", format!("{:?}", (config.header_timeout, config.client_timeout))),
        ("supply.restart", format!("{:?}", config.life.restart)),
        ("supply.flags", format!("{:?}", (&config.flags_file, &config.flags))),
        ("supply.access_log", format!("{:?}", config.access_log)),
        ("compression", format!("{:?}", config.supplied.compress)),
        ("private-logs", format!("{masks:?}")),
        ("dependencies", format!("{:?}", config.dependencies)),
        ("graceful-shutdown", format!("{:?}", config.drain)),
    ]
}
