//! The bench on which one experiment works.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use client::Peer;
use journey::Journey;
use model::Observation;
use settings::Manifest;
use tokio::sync::OwnedMutexGuard;

use crate::capacity::Priority;
use crate::error::LabError;
use crate::instance::{Instance, UNSHARE};
use crate::lab::Lab;
use crate::recorder::{Recorder, TrialLog};
use crate::world::World;

/// What one experiment works on.
#[derive(Clone)]
pub struct Bench {
    lab: Arc<Lab>,
    recorder: Recorder,
    priority: Priority,
    progress: Arc<dyn Fn(String) + Send + Sync>,
}

impl Bench {
    pub fn new(
        lab: Arc<Lab>,
        recorder: Recorder,
        priority: Priority,
        progress: impl Fn(String) + Send + Sync + 'static,
    ) -> Self {
        Self { lab, recorder, priority, progress: Arc::new(progress) }
    }

    pub fn manifest(&self) -> &Manifest {
        &self.lab.manifest
    }

    pub fn trial(&self, name: &str) -> TrialLog {
        self.recorder.trial(name)
    }

    /// A part of an experiment that several controls observe, by its name. Whoever finds nothing
    /// in it makes it, with a recorder [apart](Bench::apart), while the others wait.
    pub async fn shared(&self, name: &str) -> OwnedMutexGuard<Option<Vec<Observation>>> {
        self.lab.shared(name).lock_owned().await
    }

    /// A recorder that keeps what it is told apart from this experiment.
    pub fn apart(&self) -> Recorder {
        self.recorder.apart()
    }

    /// Records what was seen elsewhere.
    pub fn take_over(&self, seen: &[Observation]) {
        self.recorder.take_over(seen);
    }

    /// Says what is being done right now.
    pub fn progress(&self, text: impl Into<String>) {
        (self.progress)(text.into());
    }

    /// The deployed service of this run, if it is tried instead of instances.
    pub fn target(&self) -> Option<&Peer> {
        self.lab.target.as_ref()
    }

    /// The values of variables as far as they are declared, for a service that runs elsewhere.
    pub(crate) fn declared_values(&self) -> BTreeMap<String, String> {
        self.lab.declared_values()
    }

    /// The longest that a start may take before it is called never ready: what is declared, or
    /// longer where the baseline was slow.
    pub fn patience(&self) -> Duration {
        let declared = self.lab.manifest.service.patience.0;
        self.lab.patience.get().copied().unwrap_or(declared)
    }

    /// The folder of the manifest.
    pub fn root(&self) -> &Path {
        &self.lab.root
    }

    /// Every journey, by its name.
    pub fn journeys(&self) -> &BTreeMap<String, Journey> {
        &self.lab.journeys
    }

    /// The journey of this name, or the first one that writes something, or the first one.
    pub fn journey(&self, name: Option<&str>) -> Option<(&str, &Journey)> {
        let journeys = &self.lab.journeys;
        let found = match name {
            Some(name) => journeys.get_key_value(name),
            None => {
                let writes =
                    |journey: &Journey| journey.entries.iter().any(journey::Entry::has_body);
                let first = journeys.iter().find(|(_, journey)| writes(journey));
                first.or_else(|| journeys.iter().next())
            }
        };
        found.map(|(name, journey)| (name.as_str(), journey))
    }

    /// A new set of dependencies, on which any number of instances can be started.
    ///
    /// # Errors
    /// When the lab cannot provide them.
    pub async fn world(&self) -> Result<Arc<World>, LabError> {
        self.lab.world(self.priority).await
    }

    /// Whether a service can be started as process 1 here: not where Landlock has taken the right
    /// to mount.
    pub async fn init_is_possible(&self) -> bool {
        if self.lab.ground.confinement.tier == isolation::Tier::Landlock {
            return false;
        }
        let mut command = tokio::process::Command::new(UNSHARE[0]);
        command.args(&UNSHARE[1..]).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().await.is_ok_and(|status| status.success())
    }

    /// A new instance that shares nothing with any other.
    ///
    /// # Errors
    /// When the lab cannot provide it.
    pub async fn instance(&self) -> Result<Instance, LabError> {
        self.world().await?.instance().await
    }
}
