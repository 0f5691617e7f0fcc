//! What the experiments on the HTTP surface share: a ready site, requests that are recorded with
//! everything that came back, a tour of what the service answers, and errors provoked on purpose.

pub(crate) mod feature;
pub(crate) mod internals;
pub(crate) mod judging;
pub(crate) mod limiter;
mod secrets;
pub(crate) mod tour;
pub(crate) mod tries;
pub(crate) mod visitor;

use std::future::Future;

use async_trait::async_trait;
use lab::{Bench, LabError, Mutation, Site, TrialLog};
use model::{Account, Card, Observation, Ruling, Seen};
use settings::Manifest;

use crate::control::{Applies, Control};
pub(crate) use judging::{Surface, surface};
pub(crate) use tour::Tour;
pub(crate) use tries::Tries;
pub(crate) use visitor::Visitor;

/// The trial of a control that has only one.
pub(crate) const MAIN: &str = "main";
/// The longest time from a request to the line that tells of it.
pub(crate) const LOGGED_WITHIN: std::time::Duration = std::time::Duration::from_secs(2);

/// A control of what a client can see on one ready site: labelled requests, and a judge over the
/// labelled answers.
pub(crate) trait SurfaceControl: Send + Sync {
    const CARD: &'static Card;

    /// What it sets out to try.
    const TRIES: &'static [Tries];

    fn applies(_: &Manifest) -> Applies {
        Applies::Yes
    }

    /// Sends the requests; the visitor records each under its label.
    fn visit(bench: &Bench, visitor: &Visitor<'_>) -> impl Future<Output = ()> + Send;

    /// Concludes from the answers of a site that was ready: those that landed, and those that were
    /// only on the way.
    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling;

    /// Concludes from a site of which no request was answered.
    fn unanswered(surface: &Surface<'_>) -> Ruling {
        surface.without_answer()
    }
}

#[async_trait]
impl<T: SurfaceControl> Control for T {
    fn card(&self) -> &'static Card {
        T::CARD
    }

    fn applies(&self, manifest: &Manifest) -> Applies {
        T::applies(manifest)
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        let Some((site, trial)) = open(bench, MAIN, MAIN, None).await? else { return Ok(()) };
        T::visit(bench, &Visitor::new(bench.manifest(), &site, &trial)).await;
        site.end().await;
        Ok(())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        match judging::tried(seen, MAIN, MAIN) {
            Ok(surface) if surface.is_answered() => {
                let (account, landed) = tries::account(surface, &manifest.classes(), T::TRIES);
                (account, T::rule(manifest, &landed))
            }
            Ok(surface) => (Account::default(), T::unanswered(&surface)),
            Err(ruling) => (Account::default(), ruling),
        }
    }
}

/// Begins a trial on a ready site. `None` when it did not become ready, which is recorded.
pub(crate) async fn open(
    bench: &Bench,
    subject: &str,
    method: &str,
    mutation: Option<&Mutation>,
) -> Result<Option<(Site, TrialLog)>, LabError> {
    let name = if subject == MAIN { MAIN.to_owned() } else { format!("{subject}/{method}") };
    let trial = bench.trial(&name);
    trial.saw(Seen::Trial { subject: subject.into(), method: method.into(), round: 1 });
    Ok(bench.site(&trial, mutation).await?.map(|site| (site, trial)))
}
