//! Healthy variants of the fixtures that tempt a naive experiment, each with the verdicts that it
//! must have all the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::suite::proof::Proof;
use crate::{prover, root};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    oddity: Vec<Oddity>,
}

/// One healthy variant.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Oddity {
    name: String,
    /// What is odd about it, and why it is healthy.
    what: String,
    /// The controls that it tempts, each with its verdict: `pass`, `not-applicable`, or
    /// `inconclusive: why nobody could decide`.
    tempts: BTreeMap<String, String>,
    /// Pieces of the manifest that a user of such a service would write otherwise.
    #[serde(default)]
    replace: Vec<(String, String)>,
    /// What such a user would add to the manifest.
    #[serde(default)]
    append: String,
    /// Files that differ, by their paths.
    #[serde(default)]
    files: BTreeMap<String, String>,
}

/// Every oddity of every fixture.
pub(crate) fn proofs() -> Result<Vec<Proof>, String> {
    let mut all = Vec::new();
    for fixture in prover::fixtures(None)? {
        for oddity in read(&fixture)? {
            all.push(proof(&fixture, oddity));
        }
    }
    Ok(all)
}

fn proof(fixture: &Path, oddity: Oddity) -> Proof {
    let name = prover::name(fixture);
    let key = format!("oddities/{name}/{}", oddity.name);
    let controls = oddity.tempts.keys().cloned().collect();
    let variable = format!("{}_ODDITY={}", name.to_uppercase(), oddity.name);
    let depends = format!("{:?} {:?} {:?}", oddity.replace, oddity.append, oddity.files);
    let (folder, of) = (fixture.to_owned(), oddity.clone());
    let proof = Proof::new(key, fixture.to_owned(), controls, move |card| oddity.missed(card));
    Proof {
        words: vec!["--env".to_owned(), variable],
        prepare: Some(Box::new(move || variant(&folder, &of))),
        depends,
        ..proof
    }
}

fn read(fixture: &Path) -> Result<Vec<Oddity>, String> {
    let path = fixture.join("oddities.toml");
    let wrong = |why: String| format!("{}: {why}", path.display());
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
    let file: File = toml_edit::de::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    for oddity in &file.oddity {
        if oddity.what.trim().is_empty() || oddity.tempts.is_empty() {
            return Err(wrong(format!("{} does not say what is odd, or tempts none", oddity.name)));
        }
        for (control, verdict) in &oddity.tempts {
            let (word, why) = verdict.split_once(": ").unwrap_or((verdict, ""));
            let known = matches!(word, "pass" | "not-applicable")
                || word == "inconclusive" && !why.trim().is_empty();
            if !known || controls::find(control).is_none() {
                return Err(wrong(format!("{}: {control} = {verdict:?}", oddity.name)));
            }
        }
    }
    Ok(file.oddity)
}

impl Oddity {
    /// The verdicts that are not as they must be.
    fn missed(&self, card: &Value) -> Vec<String> {
        let mut wrong = Vec::new();
        for (control, verdict) in &self.tempts {
            let expected = verdict.split(": ").next().unwrap_or(verdict);
            let row = prover::row(card, control);
            if row["verdict"] != expected {
                let (found, why) = (&row["verdict"], &row["summary"]);
                wrong.push(format!("{control}: expected {expected}, found {found} ({why})"));
            }
        }
        wrong
    }
}

/// The fixture with the manifest and the files that this variant has.
fn variant(fixture: &Path, oddity: &Oddity) -> Result<PathBuf, String> {
    let folder =
        root().join("target/oddities").join(format!("{}-{}", prover::name(fixture), oddity.name));
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let _ = fs::remove_dir_all(&folder);
    copy(fixture, &folder).map_err(failed)?;
    let path = folder.join("seaworthy.toml");
    let mut text = fs::read_to_string(&path).map_err(failed)?;
    for (from, to) in &oddity.replace {
        if !text.contains(from) {
            return Err(format!("the manifest does not hold {from:?}"));
        }
        text = text.replacen(from, to, 1);
    }
    let target = root().join("target").display().to_string();
    // What a fixture builds has been built; here it is only started.
    let kept = text.lines().filter(|line| !line.starts_with("build = "));
    text = kept.collect::<Vec<_>>().join("\n").replace("../../target", &target);
    fs::write(&path, format!("{text}\n{}", oddity.append)).map_err(failed)?;
    for (name, content) in &oddity.files {
        fs::write(folder.join(name), content).map_err(failed)?;
    }
    Ok(folder)
}

/// Copies what a fixture is made of, and no evidence.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if name == ".seaworthy" || name == "Cargo.toml" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_is_sound() {
        for fixture in prover::fixtures(None).expect("there are fixtures") {
            let all = read(&fixture).unwrap_or_else(|error| panic!("{error}"));
            assert!(!all.is_empty(), "{} has oddities", fixture.display());
        }
    }
}
