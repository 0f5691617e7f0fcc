//! The examples: services that nobody here wrote, run whole, each with the verdicts that were
//! established by hand. They need the package registries, so they are no part of `./test`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::prover;
use crate::root;
use crate::snapshot::Snapshot;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    run: Vec<Run>,
}

/// One manifest and what its whole run must come to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    manifest: String,
    verdicts: BTreeMap<String, String>,
}

/// Sets up and runs every example, or one.
pub(crate) fn all(only: Option<&str>) -> Result<String, String> {
    let folder = root().join("examples");
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut examples: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    examples.retain(|path| path.is_dir() && only.is_none_or(|only| path.ends_with(only)));
    examples.sort();
    let (mut count, mut wrong) = (0, Vec::new());
    for example in &examples {
        let status = Command::new(example.join("setup")).status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(format!("{}/setup failed", example.display()));
        }
        let before = Snapshot::take(example)?;
        for run in read(example)?.run {
            count += run.verdicts.len();
            wrong.extend(one(example, &run)?);
        }
        wrong.extend(before.changed()?);
    }
    crate::suite::counted(count, &wrong)
}

fn read(example: &Path) -> Result<Expected, String> {
    let path = example.join("verdicts.toml");
    let wrong = |why: String| format!("{}: {why}", path.display());
    let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    toml_edit::de::from_str(&text).map_err(|error| wrong(error.to_string()))
}

fn one(example: &Path, run: &Run) -> Result<Vec<String>, String> {
    let card = prover::prove(&example.join(&run.manifest), None, &[])?;
    let mut wrong = Vec::new();
    for row in card["controls"].as_array().into_iter().flatten() {
        let (id, found) = (row["id"].as_str().unwrap_or(""), row["verdict"].as_str().unwrap_or(""));
        let causes = row["findings"].as_array().into_iter().flatten();
        let causes = causes.filter_map(|finding| finding["cause"].as_str());
        let mut causes: Vec<_> = causes.collect();
        causes.dedup();
        let expected = run.verdicts.get(id).map(String::as_str);
        // Where a race decides, more than one verdict is true.
        let is_right = expected.is_some_and(|all| all.split(" or ").any(|one| one == found));
        let word = if is_right { "right" } else { "WRONG" };
        println!(
            "{word:>8} {} {id}: {found} {} {}",
            prover::name(example),
            causes.join(", "),
            row["summary"]
        );
        if !is_right {
            wrong.push(format!(
                "{} {id}: expected {}, found {found} ({})",
                prover::name(example),
                expected.unwrap_or("nothing"),
                row["summary"]
            ));
        }
    }
    Ok(wrong)
}
