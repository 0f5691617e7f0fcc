//! What is different between two runs. Pure.

use model::Verdict;

use crate::entry::{Entry, Found};

/// Which way a control went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// It held and does not hold now, or it fails now.
    Worse,
    /// Neither: it failed and is undecided now, or is not tried any more.
    Other,
    /// It holds now.
    Better,
}

/// A control that came to something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub control: String,
    /// Absent where it was not tried.
    pub before: Option<Verdict>,
    pub after: Option<Verdict>,
    pub direction: Direction,
    /// What was found now and not before.
    pub appeared: Vec<Found>,
    /// What was found before and not now.
    pub gone: Vec<Found>,
}

/// What is different between two runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// What the evidence is bound to and differs: its name, before and after.
    pub bound: Vec<(&'static str, String, String)>,
    /// What went worse first.
    pub changes: Vec<Change>,
    /// How many controls came to the same with the same findings.
    pub same: usize,
}

/// Compares two runs.
pub fn diff(before: &Entry, after: &Entry) -> Diff {
    let mut names: Vec<&str> = after.controls.iter().map(|held| held.control.as_str()).collect();
    for held in &before.controls {
        if !names.contains(&held.control.as_str()) {
            names.push(&held.control);
        }
    }
    let mut found = Diff { bound: bound(before, after), ..Diff::default() };
    for name in names {
        match change(name, before, after) {
            Some(change) => found.changes.push(change),
            None => found.same += 1,
        }
    }
    found.changes.sort_by_key(|change| change.direction);
    found
}

/// Which way it went; nothing where it is the same.
pub(crate) fn direction(before: Option<Verdict>, after: Option<Verdict>) -> Option<Direction> {
    use Verdict::{Fail, Pass};
    if before == after {
        return None;
    }
    Some(match (before, after) {
        (Some(Pass), Some(Verdict::NotApplicable) | None) => Direction::Other,
        (Some(Pass), Some(_)) | (_, Some(Fail)) => Direction::Worse,
        (_, Some(Pass)) => Direction::Better,
        _ => Direction::Other,
    })
}

fn change(control: &str, before: &Entry, after: &Entry) -> Option<Change> {
    let (earlier, later) = (before.held(control), after.held(control));
    let of = |held: Option<&crate::entry::Held>| {
        held.map(|held| held.findings.clone()).unwrap_or_default()
    };
    let (old, new) = (of(earlier), of(later));
    let both = earlier.is_some() && later.is_some();
    let left_out = |from: &[Found], other: &[Found]| -> Vec<Found> {
        let mut left: Vec<Found> =
            from.iter().filter(|one| both && !other.contains(one)).cloned().collect();
        left.sort();
        left.dedup();
        left
    };
    let (appeared, gone) = (left_out(&new, &old), left_out(&old, &new));
    let (was, is) = (earlier.map(|held| held.verdict), later.map(|held| held.verdict));
    let direction = match direction(was, is) {
        Some(direction) => direction,
        None if appeared.is_empty() && gone.is_empty() => return None,
        None => Direction::Other,
    };
    Some(Change { control: control.to_owned(), before: was, after: is, direction, appeared, gone })
}

fn bound(before: &Entry, after: &Entry) -> Vec<(&'static str, String, String)> {
    let commit = |entry: &Entry| {
        let short: String = entry.commit.chars().take(12).collect();
        match (short.as_str(), entry.dirty) {
            ("", _) => "not in git".to_owned(),
            (short, true) => format!("{short} with changes"),
            (short, false) => short.to_owned(),
        }
    };
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    let edge = |entry: &Entry| if entry.through_edge { "edge" } else { "alone" }.to_owned();
    let mut bound = vec![
        ("commit", commit(before), commit(after)),
        ("manifest", short(&before.manifest), short(&after.manifest)),
        ("program", short(&before.artifact), short(&after.artifact)),
        ("seaworthy", before.seaworthy.clone(), after.seaworthy.clone()),
        ("through", edge(before), edge(after)),
    ];
    bound.retain(|(_, before, after)| before != after);
    bound
}

#[cfg(test)]
mod tests {
    use model::Severity;
    use model::Verdict::{Fail, Inconclusive, NotApplicable, Pass};

    use super::*;
    use crate::entry::entry;

    #[test]
    fn what_held_and_does_not_now_is_worse_and_comes_first() {
        let before = entry("a", &[("cors", Fail), ("startup", Pass), ("metrics", Pass)]);
        let after = entry("b", &[("cors", Pass), ("startup", Inconclusive), ("metrics", Pass)]);
        let found = diff(&before, &after);
        let told: Vec<_> =
            found.changes.iter().map(|one| (one.control.as_str(), one.direction)).collect();
        assert_eq!(told, [("startup", Direction::Worse), ("cors", Direction::Better)]);
        assert_eq!(found.same, 1);
    }

    #[test]
    fn every_pair_has_its_direction() {
        for (before, after, expected) in [
            (Some(Pass), Some(Fail), Direction::Worse),
            (Some(Inconclusive), Some(Fail), Direction::Worse),
            (None, Some(Fail), Direction::Worse),
            (Some(Pass), Some(NotApplicable), Direction::Other),
            (Some(Pass), None, Direction::Other),
            (Some(Fail), Some(Inconclusive), Direction::Other),
            (Some(Inconclusive), Some(Pass), Direction::Better),
            (None, Some(Pass), Direction::Better),
        ] {
            assert_eq!(direction(before, after), Some(expected), "{before:?} {after:?}");
        }
        assert_eq!(direction(Some(Fail), Some(Fail)), None);
    }

    #[test]
    fn a_failure_with_another_cause_is_a_change() {
        let found = |cause: &str| Found {
            severity: Severity::Fail,
            cause: cause.to_owned(),
            subject: String::new(),
        };
        let mut before = entry("a", &[("cors", Fail)]);
        before.controls[0].findings = vec![found("reflected"), found("kept")];
        let mut after = entry("b", &[("cors", Fail)]);
        after.controls[0].findings = vec![found("kept"), found("any-origin")];
        let found_now = diff(&before, &after);
        assert_eq!(found_now.changes[0].appeared, [found("any-origin")]);
        assert_eq!(found_now.changes[0].gone, [found("reflected")]);
        assert_eq!(found_now.same, 0);
    }

    #[test]
    fn what_it_is_bound_to_is_told() {
        let before = entry("a", &[]);
        let after = Entry { commit: "def".into(), dirty: true, ..before.clone() };
        let told = ("commit", "abc".to_owned(), "def with changes".to_owned());
        assert_eq!(diff(&before, &after).bound, [told]);
    }
}
