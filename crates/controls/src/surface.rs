//! What the experiments on the HTTP surface share: a ready site, requests that are recorded with
//! everything that came back, a tour of what the service answers, and errors provoked on purpose.

pub(crate) mod feature;
pub(crate) mod judging;
pub(crate) mod tour;
pub(crate) mod visitor;

use lab::{Bench, LabError, Mutation, Site, Trial};
use model::Seen;

pub(crate) use judging::{Surface, surface};
pub(crate) use tour::Tour;
pub(crate) use visitor::Visitor;

/// The trial of a control that has only one.
pub(crate) const MAIN: &str = "main";

/// Begins a trial on a ready site. `None` when it did not become ready, which is recorded.
pub(crate) async fn open(
    bench: &Bench,
    subject: &str,
    method: &str,
    mutation: Option<&Mutation>,
) -> Result<Option<(Site, Trial)>, LabError> {
    let name = if subject == MAIN { MAIN.to_owned() } else { format!("{subject}/{method}") };
    let trial = bench.trial(&name);
    trial.saw(Seen::Trial { subject: subject.into(), method: method.into(), round: 1 });
    Ok(bench.site(&trial, mutation).await?.map(|site| (site, trial)))
}
