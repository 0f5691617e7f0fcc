//! Small services from the field, each with its right verdict: what public reports tell of services,
//! written down so that no judge gets it wrong again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::suite::proof::Proof;
use crate::{prover, root};

/// What a case must come to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    control: String,
    verdict: String,
    cause: Option<String>,
    /// Words that stand in the row's summary.
    says: Option<String>,
    /// Further controls of the same run and their verdicts.
    #[serde(default)]
    also: BTreeMap<String, String>,
}

/// Every case.
pub(crate) fn proofs() -> Result<Vec<Proof>, String> {
    folders(&root().join("cases"))?.into_iter().map(proof).collect()
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut cases: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    Ok(cases)
}

fn proof(case: PathBuf) -> Result<Proof, String> {
    let expected = expected(&case)?;
    let controls = std::iter::once(&expected.control).chain(expected.also.keys());
    let controls = controls.cloned().collect();
    let key = format!("cases/{}", prover::name(&case));
    Ok(Proof::new(key, case, controls, move |card| expected.missed(card)))
}

fn expected(case: &Path) -> Result<Expected, String> {
    let path = case.join("expected.toml");
    let wrong = |why: String| format!("{}: {why}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    toml_edit::de::from_str(&text).map_err(|error| wrong(error.to_string()))
}

/// The causes that the cases expect, each with its control and the case.
pub(crate) fn causes(folder: &Path) -> Result<Vec<(String, String, String)>, String> {
    let mut all = Vec::new();
    for case in folders(folder)? {
        let Expected { control, cause, .. } = expected(&case)?;
        all.extend(cause.map(|cause| (control, cause, prover::name(&case))));
    }
    Ok(all)
}

impl Expected {
    /// What is not as expected.
    fn missed(&self, card: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        let own = (&self.control, &self.verdict);
        for (control, verdict) in std::iter::once(own).chain(&self.also) {
            let row = prover::row(card, control);
            if row["verdict"] != verdict.as_str() {
                let (found, why) = (&row["verdict"], &row["summary"]);
                wrong.push(format!("{control}: expected {verdict}, found {found} ({why})"));
            }
        }
        let row = prover::row(card, &self.control);
        let findings = row["findings"].as_array().into_iter().flatten();
        let causes: Vec<_> = findings.filter_map(|finding| finding["cause"].as_str()).collect();
        if let Some(cause) = self.cause.as_deref().filter(|cause| !causes.contains(cause)) {
            wrong.push(format!("{}: expected the cause {cause}, found {causes:?}", self.control));
        }
        let summary = row["summary"].as_str().unwrap_or_default();
        if let Some(says) = self.says.as_ref().filter(|says| !summary.contains(*says)) {
            wrong.push(format!("{}: expected the words {says:?}: {summary}", self.control));
        }
        wrong
    }
}
