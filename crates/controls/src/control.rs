//! What a control is made of.

use std::time::Duration;

use async_trait::async_trait;
use lab::{Bench, LabError};
use model::{Account, Card, Judgement, Observation, Ruling};
use settings::Manifest;

/// Whether a control applies to a service, as far as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applies {
    Yes,
    /// It does not, for this reason.
    No(String),
    /// It would, but the manifest must first say this.
    Undeclared(String),
}

/// One readiness property that can be tried.
#[async_trait]
pub trait Control: Send + Sync {
    fn card(&self) -> &'static Card;

    fn applies(&self, manifest: &Manifest) -> Applies;

    /// How long the longest chain of waits is that its promises demand, where a start takes `start`.
    /// Several starts go on at once.
    fn waits(&self, _: &Manifest, start: Duration) -> Duration {
        start + Duration::from_secs(self.card().budget.into())
    }

    /// Drives the bench and records; concludes nothing.
    async fn prove(&self, bench: &Bench) -> Result<(), LabError>;

    /// What was tried, and what the tries that landed say. Pure.
    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling);

    /// Concludes from what was seen; does nothing else.
    fn judge(&self, manifest: &Manifest, seen: &[Observation]) -> Judgement {
        let (account, ruling) = self.rule(manifest, seen);
        model::conclude(account, ruling)
    }
}
