//! The lists of defects: what each must be found as, and what else it may move.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::prover;
use crate::suite::proof::Proof;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    defect: Vec<Defect>,
}

/// One defect.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Defect {
    /// `control:variant`.
    pub(crate) name: String,
    /// The cause that the failing finding must carry.
    pub(crate) cause: String,
    /// Further causes that come with it.
    #[serde(default)]
    pub(crate) also: Vec<String>,
    /// Other controls whose verdict may change, with the reason.
    #[serde(default)]
    pub(crate) moves: BTreeMap<String, String>,
    /// Why the service never becomes ready: then every other control may remain undecided. One that
    /// fails still needs its own reason.
    pub(crate) never_ready: Option<String>,
    /// Why the service ends by itself a moment later: whatever is tried then may fail as well.
    pub(crate) dies: Option<String>,
    /// Why `seaworthy run` does not mend it, although it supplies the control.
    pub(crate) unsupplied: Option<String>,
}

impl Defect {
    pub(crate) fn control(&self) -> &str {
        self.name.split(':').next().unwrap_or(&self.name)
    }

    /// What gives a fixture this defect.
    pub(crate) fn words(&self, fixture: &Path) -> Vec<String> {
        let variable = format!("{}_DEFECT={}", prover::name(fixture).to_uppercase(), self.name);
        vec!["--env".to_owned(), variable]
    }

    /// Why it was not found as it should be.
    pub(crate) fn missed(&self, card: &Value) -> Option<String> {
        let row = prover::row(card, self.control());
        if row["verdict"] != "fail" {
            return Some(format!("expected fail, found {}: {}", row["verdict"], row["summary"]));
        }
        let findings = row["findings"].as_array().into_iter().flatten();
        let failing = findings.filter(|finding| finding["severity"] == "fail");
        let causes: Vec<_> = failing.filter_map(|finding| finding["cause"].as_str()).collect();
        let expected = |cause: &&str| *cause == self.cause || self.also.iter().any(|a| a == cause);
        let found = causes.contains(&self.cause.as_str()) && causes.iter().all(expected);
        (!found).then(|| format!("expected the cause {}, found {causes:?}", self.cause))
    }

    /// Why another control may have this verdict although it has another in good health.
    pub(crate) fn reason_for(&self, control: &str, verdict: &str) -> Option<&str> {
        let undecided = verdict == "inconclusive";
        let never_ready = self.never_ready.as_deref().filter(|_| undecided);
        let dies = self.dies.as_deref().filter(|_| undecided || verdict == "fail");
        self.moves.get(control).map(String::as_str).or(never_ready).or(dies)
    }

    /// What holds for all other controls.
    pub(crate) fn for_all(&self) -> Option<&str> {
        self.never_ready.as_deref().or(self.dies.as_deref())
    }
}

/// The list of a fixture.
pub(crate) fn read(fixture: &Path) -> Result<Vec<Defect>, String> {
    let path = fixture.join("defects.toml");
    let wrong = |why: String| format!("{}: {why}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    let file: File = toml_edit::de::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    for defect in &file.defect {
        let mut reasons = defect
            .moves
            .values()
            .chain(&defect.never_ready)
            .chain(&defect.dies)
            .chain(&defect.unsupplied);
        if reasons.any(|reason| reason.trim().is_empty()) {
            return Err(wrong(format!("{} holds an empty reason", defect.name)));
        }
        if controls::find(defect.control()).is_none() {
            return Err(wrong(format!("{} breaks a control that is not built", defect.name)));
        }
    }
    Ok(file.defect)
}

/// The healthy run of a fixture, and each of its defects.
pub(crate) fn proofs(fixture: &Path) -> Result<Vec<Proof>, String> {
    let name = prover::name(fixture);
    let ids: Vec<_> = controls::CONTROLS.iter().map(|control| control.card().id).collect();
    let all = ids.iter().map(|id| (*id).to_owned()).collect();
    let mut healthy = Proof::new(format!("{name}/healthy"), fixture.to_owned(), all, move |card| {
        unhealthy(card, &ids)
    });
    healthy.whole = true;
    healthy.always = true;
    let mut proofs = vec![healthy];
    let mut seen = BTreeSet::new();
    for defect in read(fixture)? {
        let controls = vec![defect.control().to_owned()];
        let (key, words) = (format!("{name}/{}", defect.name), defect.words(fixture));
        // One defect of each control shows that nothing between the service and the judge is broken.
        let always = seen.insert(defect.control().to_owned());
        let check = move |card: &Value| defect.missed(card).into_iter().collect();
        let proof = Proof::new(key, fixture.to_owned(), controls, check);
        proofs.push(Proof { words, always, ..proof });
    }
    Ok(proofs)
}

/// The controls that a healthy fixture does not pass.
pub(crate) fn unhealthy(card: &Value, ids: &[&str]) -> Vec<String> {
    let wrong = ids.iter().filter_map(|id| {
        let row = prover::row(card, id);
        let fine = row["verdict"] == "pass" || row["verdict"] == "not-applicable";
        (!fine)
            .then(|| format!("healthy: {id} is {}, not pass: {}", row["verdict"], row["summary"]))
    });
    wrong.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_becomes_ready_leaves_the_others_undecided_and_explains_no_failure() {
        let text = r#"
            name = "startup:never-ready"
            cause = "never-ready"
            never_ready = "its probe says no"
            moves = { readiness = "it says no while it should say yes" }
        "#;
        let mut defect: Defect = toml_edit::de::from_str(text).expect("it is one");
        assert_eq!(defect.reason_for("cors", "inconclusive"), Some("its probe says no"));
        assert_eq!(defect.reason_for("cors", "fail"), None);
        let own = Some("it says no while it should say yes");
        assert_eq!(defect.reason_for("readiness", "fail"), own);
        defect.never_ready = None;
        assert_eq!(defect.reason_for("cors", "inconclusive"), None);
        defect.dies = Some("it ends".to_owned());
        assert_eq!(defect.reason_for("cors", "fail"), Some("it ends"));
        assert_eq!(defect.reason_for("cors", "pass"), None);
    }

    /// No defect, no control.
    #[test]
    fn every_control_has_a_defect_in_every_fixture_to_which_it_applies() {
        for fixture in crate::prover::fixtures(None).expect("there are fixtures") {
            let defects = read(&fixture).expect("its list is good");
            let text = fs::read_to_string(fixture.join("seaworthy.toml")).expect("it is there");
            let manifest = settings::parse(&text).expect("it is good").manifest;
            for control in controls::CONTROLS {
                let id = control.card().id;
                let applies = matches!(control.applies(&manifest), controls::Applies::Yes)
                    && !manifest.not_applicable.contains_key(id);
                let has = defects.iter().any(|defect| defect.control() == id);
                assert!(has || !applies, "{} has no defect for {id}", fixture.display());
                assert!(
                    applies || !fixture.ends_with("harbour"),
                    "harbour shows every control: {id}"
                );
            }
        }
    }
}
