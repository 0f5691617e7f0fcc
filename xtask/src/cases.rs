//! Small services from the field, each with its right verdict: what public reports tell of services,
//! written down so that no judge gets it wrong again.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::snapshot::Snapshot;
use crate::{prover, root};

/// What a case must come to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    control: String,
    verdict: String,
    cause: Option<String>,
}

/// Runs every case, two at a time. How many there were, and what was wrong.
pub(crate) fn all() -> Result<(usize, Vec<String>), String> {
    let folder = root().join("cases");
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut cases: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    cases.retain(|path| path.is_dir());
    cases.sort();
    let count = cases.len();
    let wrong = prover::two_at_a_time(cases, |case| {
        let (name, found) = (prover::name(case), one(case));
        println!("{:>8} case {name}", if found.is_none() { "right" } else { "WRONG" });
        found.map(|found| format!("case {name}: {found}")).into_iter().collect()
    });
    Ok((count, wrong))
}

fn expected(case: &Path) -> Result<Expected, String> {
    let path = case.join("expected.toml");
    let wrong = |why: String| format!("{}: {why}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    toml_edit::de::from_str(&text).map_err(|error| wrong(error.to_string()))
}

/// The causes that the cases expect, each with its control and the case.
pub(crate) fn causes(folder: &Path) -> Result<Vec<(String, String, String)>, String> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut all = Vec::new();
    for case in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let Expected { control, cause, .. } = expected(&case)?;
        all.extend(cause.map(|cause| (control, cause, prover::name(&case))));
    }
    Ok(all)
}

/// What is wrong with a case, if anything.
fn one(case: &Path) -> Option<String> {
    let expected = match expected(case) {
        Ok(expected) => expected,
        Err(error) => return Some(error),
    };
    let run = Snapshot::take(case).and_then(|before| {
        let card = prover::prove_with(case, None, Some(&expected.control), &[])?;
        Ok((card, before.changed()?))
    });
    let card = match run {
        Ok((_, Some(changed))) => return Some(changed),
        Ok((card, None)) => card,
        Err(error) => return Some(error),
    };
    let row = &card["controls"][0];
    let findings = row["findings"].as_array().into_iter().flatten();
    let causes: Vec<_> = findings.filter_map(|finding| finding["cause"].as_str()).collect();
    let is_right = row["verdict"] == expected.verdict.as_str()
        && expected.cause.as_deref().is_none_or(|cause| causes.contains(&cause));
    (!is_right).then(|| {
        format!(
            "{}: expected {} {}, found {} ({}; {causes:?})",
            expected.control,
            expected.verdict,
            expected.cause.unwrap_or_default(),
            row["verdict"],
            row["summary"]
        )
    })
}
