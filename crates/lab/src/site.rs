//! Something that answers: an instance of the lab that is ready, or a deployed one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use client::Peer;
use tokio::net::TcpStream;

use crate::bench::Bench;
use crate::error::LabError;
use crate::instance::Instance;
use crate::readiness::Readiness;
use crate::recipe::Mutation;
use crate::recorder::TrialLog;
use crate::running::Running;

/// A service that answers.
#[derive(Debug)]
pub struct Site {
    peer: Peer,
    values: BTreeMap<String, String>,
    own: Option<(Instance, Running)>,
}

impl Bench {
    /// A ready service: the deployed one where the run has a target, otherwise a new instance.
    /// `None` when it did not become ready, which is recorded.
    ///
    /// # Errors
    /// When the lab cannot provide an instance.
    pub async fn site(
        &self,
        trial: &TrialLog,
        mutation: Option<&Mutation>,
    ) -> Result<Option<Site>, LabError> {
        if let Some(peer) = self.target() {
            let values = self.declared_values();
            return Ok(Some(Site { peer: peer.clone(), values, own: None }));
        }
        let mut instance = self.instance().await?;
        let patience = self.patience();
        if let Some(mut running) = instance.start(trial, mutation).await? {
            if matches!(running.wait_ready(patience).await, Readiness::Ready { .. }) {
                let peer = instance.peer();
                let values = instance.values();
                return Ok(Some(Site { peer, values, own: Some((instance, running)) }));
            }
            running.kill().await;
        }
        instance.end().await;
        Ok(None)
    }
}

/// The longest time from the closing of a service's port to its end.
const LAST_BREATH: Duration = Duration::from_secs(2);

/// Whether nobody listens there.
async fn refuses(address: SocketAddr) -> bool {
    let connecting = TcpStream::connect(address);
    let connected = tokio::time::timeout(Duration::from_millis(500), connecting).await;
    connected.is_ok_and(|connected| connected.is_err())
}

impl Site {
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether it is a deployed service, which must not be harmed.
    pub fn is_target(&self) -> bool {
        self.own.is_none()
    }

    /// The values of the service's variables, as far as they are known.
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    pub fn instance(&self) -> Option<&Instance> {
        self.own.as_ref().map(|(instance, _)| instance)
    }

    pub fn running(&self) -> Option<&Running> {
        self.own.as_ref().map(|(_, running)| running)
    }

    /// Whether the main process lives, as far as this can be seen.
    pub fn is_alive(&self) -> bool {
        self.running().is_none_or(|running| running.process().exit().is_none())
    }

    /// Where another of its ports answers, by its name in `service.ports`.
    pub fn port(&self, name: Option<&str>) -> Option<Peer> {
        match (name, &self.own) {
            (None, _) => Some(self.peer.clone()),
            (Some(name), Some((instance, _))) => {
                let port = instance.named_port(name)?;
                Some(Peer::from(SocketAddr::new(instance.address().ip(), port)))
            }
            (Some(_), None) => None,
        }
    }

    /// Ends the instance. A deployed service is left alone.
    pub async fn end(self) {
        if let Some((instance, mut running)) = self.own {
            // Who listens no more is about to end by itself, and how is part of the trial: its
            // connections close some moments before its end can be seen.
            if running.process().exit().is_some() || refuses(instance.address()).await {
                running.wait_exit(LAST_BREATH).await;
            }
            running.kill().await;
            instance.end().await;
        }
    }
}
