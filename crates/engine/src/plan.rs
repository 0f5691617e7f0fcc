//! What will be tried, in which order, and what will not and why. Pure.

use controls::{Applies, CONTROLS, Control};
use model::{Judgement, Lane};
use settings::Manifest;

/// One control of a run.
pub struct Step {
    pub control: &'static dyn Control,
    pub what: What,
}

/// What will be done about a control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Try,
    /// Nothing: the judgement is known beforehand.
    Settled(Judgement),
}

/// A run's plan, in the order of the catalogue.
pub struct Plan {
    pub steps: Vec<Step>,
    /// Only a part was asked for, so there is no score.
    pub is_part: bool,
}

/// Makes the plan. `only` holds ids of built controls; empty means all.
pub fn plan(manifest: &Manifest, only: &[String]) -> Plan {
    let wanted = CONTROLS
        .iter()
        .filter(|control| only.is_empty() || only.iter().any(|id| id == control.card().id));
    let steps = wanted.map(|control| Step { control: *control, what: what(manifest, *control) });
    Plan { steps: steps.collect(), is_part: !only.is_empty() }
}

fn what(manifest: &Manifest, control: &dyn Control) -> What {
    if let Some(reason) = manifest.not_applicable.get(control.card().id) {
        return What::Settled(Judgement::not_applicable(reason));
    }
    match control.applies(manifest) {
        Applies::Yes => What::Try,
        Applies::No(reason) => What::Settled(Judgement::not_applicable(reason)),
        Applies::Undeclared(what) => What::Settled(Judgement::inconclusive(what)),
    }
}

impl Plan {
    /// The controls that are tried.
    pub fn tried(&self) -> impl Iterator<Item = &'static dyn Control> {
        self.steps.iter().filter(|step| step.what == What::Try).map(|step| step.control)
    }

    /// Those that are tried in this lane.
    pub fn lane(&self, lane: Lane) -> impl Iterator<Item = &'static dyn Control> {
        self.tried().filter(move |control| control.card().lane == lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Verdict;

    fn manifest(more: &str) -> Manifest {
        let text = format!("[service]\nname = \"a\"\nstart = \"a --port {{port}}\"\n{more}");
        settings::parse(&text).expect("it is good").manifest
    }

    #[test]
    fn what_is_not_declared_is_not_passed_over() {
        let plan = plan(&manifest(""), &[]);
        assert_eq!(plan.steps.len(), CONTROLS.len());
        let step = plan.steps.iter().find(|s| s.control.card().id == "environment").expect("it is");
        let What::Settled(judgement) = &step.what else { panic!("nothing is declared") };
        assert_eq!(judgement.verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn a_reason_settles_and_a_choice_is_a_part() {
        let manifest = manifest("[not-applicable]\nenvironment = \"it reads none\"\n");
        let plan = plan(&manifest, &["environment".to_owned()]);
        assert!(plan.is_part);
        let settled = Judgement::not_applicable("it reads none");
        assert_eq!(plan.steps[0].what, What::Settled(settled));
        assert_eq!(plan.lane(Lane::Quiet).count(), 0);
    }
}
