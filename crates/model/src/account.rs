//! What an experiment set out to try and what became of each try. A pass is an account: without one
//! in which everything that the verdict needs has landed, there is no pass.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many of a group's tries the verdict needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Every one.
    All,
    /// So many.
    AtLeast(u32),
    /// So many of a hundred.
    Percent(u32),
    /// None: the group is told, and decides nothing.
    Told,
}

/// Tries of one sort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What was tried, in the plural: `hostile origins`.
    pub name: String,
    /// How many tries were planned.
    pub planned: u32,
    /// How many landed: they say something about the promise.
    pub landed: u32,
    /// Why the others did not.
    #[serde(default)]
    pub missed: Vec<Missed>,
    /// Whether enough of them landed for a pass.
    pub enough: bool,
}

/// Tries that did not land, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Missed {
    pub why: String,
    pub times: u32,
}

/// All groups of an experiment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    groups: Vec<Group>,
}

/// A group that is being filled.
#[derive(Debug, Clone)]
pub struct Tally {
    name: String,
    planned: u32,
    landed: u32,
    missed: Vec<Missed>,
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Tally {
    /// Begins a group.
    pub fn of(name: impl Into<String>) -> Self {
        Self { name: name.into(), planned: 0, landed: 0, missed: Vec::new() }
    }

    /// So many tries were planned, whatever is seen of them.
    pub fn plan(&mut self, tries: usize) {
        self.planned = self.planned.max(count(tries));
    }

    /// So many more tries were planned.
    pub fn plan_more(&mut self, tries: usize) {
        self.planned += count(tries);
    }

    /// Whether no try was planned or seen.
    pub fn is_empty(&self) -> bool {
        self.planned == 0 && self.landed == 0 && self.missed.is_empty()
    }

    /// One try landed.
    pub fn landed(&mut self) {
        self.landed += 1;
    }

    /// One try did not.
    pub fn missed(&mut self, why: impl Into<String>) {
        let why = why.into();
        match self.missed.iter_mut().find(|missed| missed.why == why) {
            Some(missed) => missed.times += 1,
            None => self.missed.push(Missed { why, times: 1 }),
        }
    }

    /// One try, which landed or did not.
    pub fn tried(&mut self, result: Result<(), String>) {
        match result {
            Ok(()) => self.landed(),
            Err(why) => self.missed(why),
        }
    }
}

impl Account {
    /// Adds a group. What was planned and never seen is missed, too.
    pub fn add(&mut self, tally: Tally, need: Need) {
        let Tally { name, planned, landed, mut missed } = tally;
        let seen = landed + missed.iter().map(|missed| missed.times).sum::<u32>();
        let planned = planned.max(seen);
        if planned > seen {
            missed.push(Missed { why: "never tried".to_owned(), times: planned - seen });
        }
        let enough = match need {
            Need::All => planned > 0 && landed == planned,
            Need::AtLeast(least) => landed >= least,
            Need::Percent(percent) => {
                landed > 0 && u64::from(landed) * 100 >= u64::from(planned) * u64::from(percent)
            }
            Need::Told => true,
        };
        self.groups.push(Group { name, planned, landed, missed, enough });
    }

    /// Adds a group, in one expression.
    #[must_use]
    pub fn with(mut self, tally: Tally, need: Need) -> Self {
        self.add(tally, need);
        self
    }

    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// How many tries landed, over all groups.
    pub fn landed(&self) -> u32 {
        self.groups.iter().map(|group| group.landed).sum()
    }

    /// What the account lacks for a pass, in words.
    pub fn shortfall(&self) -> Option<String> {
        if self.landed() == 0 && self.groups.iter().all(|group| group.enough) {
            return Some("nothing was tried".to_owned());
        }
        let short: Vec<_> =
            self.groups.iter().filter(|group| !group.enough).map(Group::words).collect();
        (!short.is_empty()).then(|| short.join("; "))
    }
}

impl Group {
    /// `hostile origins: 10 of 12 (2 refused by a limiter)`.
    pub fn words(&self) -> String {
        let missed: Vec<_> =
            self.missed.iter().map(|missed| format!("{} {}", missed.times, missed.why)).collect();
        let missed =
            if missed.is_empty() { String::new() } else { format!(" ({})", missed.join(", ")) };
        format!("{}: {} of {}{missed}", self.name, self.landed, self.planned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(planned: usize, landed: usize, limited: usize) -> Tally {
        let mut tally = Tally::of("hostile origins");
        tally.plan(planned);
        (0..landed).for_each(|_| tally.landed());
        (0..limited).for_each(|_| tally.missed("refused by a limiter"));
        tally
    }

    #[test]
    fn all_means_what_was_planned_and_not_what_was_seen() {
        let account = Account::default().with(tally(12, 10, 1), Need::All);
        let expected = "hostile origins: 10 of 12 (1 refused by a limiter, 1 never tried)";
        assert_eq!(account.shortfall().as_deref(), Some(expected));
        assert_eq!(Account::default().with(tally(12, 12, 0), Need::All).shortfall(), None);
        assert!(Account::default().with(tally(0, 0, 0), Need::All).shortfall().is_some());
    }

    #[test]
    fn other_needs_are_met_by_their_numbers() {
        let met = |need, landed| {
            Account::default().with(tally(10, landed, 0), need).shortfall().is_none()
        };
        assert!(met(Need::AtLeast(3), 3) && !met(Need::AtLeast(3), 2));
        assert!(met(Need::Percent(50), 5) && !met(Need::Percent(50), 4));
        assert!(!met(Need::Percent(0), 0));
    }

    #[test]
    fn an_account_in_which_nothing_landed_is_none() {
        assert!(Account::default().shortfall().is_some());
        assert!(Account::default().with(tally(3, 0, 3), Need::Told).shortfall().is_some());
    }
}
