//! From a configuration and what a run shares to what stands before the service on one address.

use std::sync::Arc;

use layers::{
    Concurrency, Deadline, DeadlineLayer, EnvelopeLayer, Flags, Gates, Health, HealthState,
    LockoutLayer, Metrics, Observe, Policy, WaitingLayer,
};

use crate::callers::Asked;
use crate::config::{Address, Config, ListenerPath};
use crate::dependency::Recheck;
use crate::lingering::Trailers;
use crate::outage::Outage;
use crate::own_paths::Own;
use crate::stack::Parts;

/// What stays the same under every configuration.
#[derive(Debug, Clone)]
pub(crate) struct Assembly {
    pub(crate) board: HealthState,
    pub(crate) doubt: Recheck,
    pub(crate) flags: Flags,
    pub(crate) metrics: Metrics,
    pub(crate) observe: Observe,
    pub(crate) concurrency: Concurrency,
}

impl Assembly {
    /// What stands before the service on one address.
    pub(crate) fn parts(&self, config: &Config, asked: &Asked, address: &Address) -> Parts {
        let supplied = &config.supplied;
        let here = |place: &Option<ListenerPath>| {
            let place = place.as_ref().filter(|place| place.port == address.name)?;
            Some(place.path.clone())
        };
        let report = supplied.report.as_ref().filter(|(port, _)| *port == address.name);
        let health = Health {
            board: self.board.clone(),
            live: here(&supplied.live),
            ready: here(&supplied.ready),
            report: report.map(|(_, report)| report.clone()),
        };
        let mut deadline = Deadline::new(config.timeout);
        if let Some(outage) = supplied.outage {
            let board = self.board.clone();
            deadline = deadline.during(outage, move || board.is_degraded());
        }
        let own = Own {
            health,
            metrics: here(&supplied.metrics).map(|path| (path, self.metrics.clone())),
            observe: self.observe.clone(),
        };
        let gates = (!supplied.gates.is_empty())
            .then(|| Gates { flags: self.flags.clone(), gates: Arc::new(supplied.gates.clone()) });
        let adds = supplied.correlation.is_some()
            || supplied.security_headers.is_some()
            || supplied.cors.is_some()
            || !config.limits.is_empty();
        let everywhere = (supplied.security_headers.clone(), supplied.cors.clone());
        Parts {
            added: if adds { 6 } else { 0 },
            trailers: if config.tokens.is_some() { Trailers::Never } else { Trailers::Pass },
            observe: self.observe.clone(),
            correlation: supplied.correlation.clone(),
            outer: everywhere.layer(),
            envelope: EnvelopeLayer(supplied.envelope.clone()),
            trusted: Arc::clone(&config.trusted),
            proto: config.proto.clone(),
            inner: Arc::new((supplied.https.clone(), own)),
            certified: config.tls.clients.as_ref().map(|clients| Arc::clone(&clients.routes)),
            callers: WaitingLayer(asked.callers.clone()),
            lockouts: LockoutLayer(asked.lockouts.clone()),
            concurrency: self.concurrency.clone(),
            gates: gates.layer(),
            outage: supplied
                .outage
                .map(|_| Outage { board: self.board.clone(), doubt: self.doubt.clone() }),
            body_limits: supplied.body_limits,
            deadline: DeadlineLayer(Some(deadline)),
        }
    }
}
