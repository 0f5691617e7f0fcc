//! A control's constant data.

use crate::catalogue::Entry;
use crate::declaration::Declaration;

/// When a control applies to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applicability {
    /// It applies to every service; missing information makes it inconclusive.
    Universal,
    /// It applies when the manifest declares what it is about.
    Declared,
    /// It applies when the lab sees what it is about.
    Detected,
}

/// Against what an experiment may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Only against an instance that the lab started.
    Lab,
    /// Also against a deployed instance that the user owns.
    Target,
}

/// How an experiment shares the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Beside others: what it judges does not depend on time.
    Shared,
    /// Alone: it judges time.
    Quiet,
}

/// Everything about a control that never changes.
#[derive(Debug)]
pub struct Card {
    /// The stable, public id; its identity stands in [`crate::catalogue::ENTRIES`].
    pub id: &'static str,
    pub applicability: Applicability,
    pub reach: Reach,
    pub lane: Lane,
    /// What it disturbs, in words.
    pub disturbs: &'static str,
    /// How long it usually takes, in seconds, for a service that starts in a tenth of a second.
    pub budget: u32,
    /// What a manifest must say where the control stays undecided, the most useful first.
    pub decided_by: &'static [Declaration],
    /// The page: what it means, how it is tried, when it breaks, an example.
    pub page: &'static str,
}

impl Card {
    /// Family, risk and promise.
    ///
    /// # Panics
    /// When the id is not in the catalogue, which a test of the registry excludes.
    pub fn entry(&self) -> &'static Entry {
        crate::catalogue::find(self.id).expect("every card's id stands in the catalogue")
    }
}
