//! Controls that came to different verdicts although nothing had changed. Pure.

use std::collections::BTreeMap;

use model::Verdict;

use crate::entry::Entry;

/// A control that wavers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaky {
    pub control: String,
    pub commit: String,
    /// How often it came to which verdict.
    pub verdicts: Vec<(Verdict, usize)>,
}

/// The controls that wavered in runs of the same commit, manifest, program and seaworthy. Runs of a
/// changed work tree are left out: nobody knows whether they are of the same program.
pub fn flaky(entries: &[Entry]) -> Vec<Flaky> {
    let mut groups: BTreeMap<(&str, &str, &str, &str, bool), Vec<&Entry>> = BTreeMap::new();
    let known = entries.iter().filter(|one| !one.dirty && !one.commit.is_empty() && !one.partial);
    for entry in known {
        let Entry { commit, manifest, artifact, seaworthy, through_edge, .. } = entry;
        let key = (
            commit.as_str(),
            manifest.as_str(),
            artifact.as_str(),
            seaworthy.as_str(),
            *through_edge,
        );
        groups.entry(key).or_default().push(entry);
    }
    let mut all = Vec::new();
    for ((commit, ..), runs) in groups {
        let mut counts: BTreeMap<&str, Vec<(Verdict, usize)>> = BTreeMap::new();
        for held in runs.iter().flat_map(|run| &run.controls) {
            let of = counts.entry(&held.control).or_default();
            match of.iter_mut().find(|(verdict, _)| *verdict == held.verdict) {
                Some((_, count)) => *count += 1,
                None => of.push((held.verdict, 1)),
            }
        }
        for (control, verdicts) in counts.into_iter().filter(|(_, verdicts)| verdicts.len() > 1) {
            all.push(Flaky { control: control.to_owned(), commit: commit.to_owned(), verdicts });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use model::Verdict::{Fail, Pass};

    use super::*;
    use crate::entry::entry;

    #[test]
    fn the_same_commit_must_come_to_the_same() {
        let runs = [
            entry("a", &[("cors", Pass), ("startup", Pass)]),
            entry("b", &[("cors", Fail), ("startup", Pass)]),
            entry("c", &[("cors", Pass)]),
        ];
        let found = flaky(&runs);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].control, "cors");
        assert_eq!(found[0].verdicts, [(Pass, 2), (Fail, 1)]);
    }

    #[test]
    fn another_commit_or_a_changed_work_tree_may_come_to_something_else() {
        let first = entry("a", &[("cors", Pass)]);
        let then = entry("b", &[("cors", Fail)]);
        let other = Entry { commit: "def".into(), ..then.clone() };
        assert!(flaky(&[first.clone(), other]).is_empty());
        let changed = Entry { dirty: true, ..then.clone() };
        assert!(flaky(&[first.clone(), changed]).is_empty());
        let mended = Entry { manifest: "x".into(), ..then };
        assert!(flaky(&[first, mended]).is_empty());
    }
}
