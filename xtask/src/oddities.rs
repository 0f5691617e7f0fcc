//! Healthy variants of the fixtures that tempt a naive experiment, each with the verdicts that it
//! must have all the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

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

/// Runs every oddity of every fixture, or of one; two at a time. How many there were, and what was
/// wrong.
pub(crate) fn all(only: Option<&str>) -> Result<(usize, Vec<String>), String> {
    let mut found = Vec::new();
    for fixture in prover::fixtures(None)? {
        for oddity in read(&fixture)? {
            let named = format!("{}:{}", prover::name(&fixture), oddity.name);
            if only.is_none_or(|only| named.starts_with(only)) {
                found.push((fixture.clone(), oddity));
            }
        }
    }
    let count = found.len();
    if count == 0 {
        return Err("there is no such oddity".to_owned());
    }
    let wrong = prover::two_at_a_time(found, |(fixture, oddity)| {
        let wrong = one(fixture, oddity).unwrap_or_else(|error| vec![error]);
        let name = format!("oddity {}:{}", prover::name(fixture), oddity.name);
        let word = if wrong.is_empty() { "right" } else { "WRONG" };
        println!("{word:>8} {name}");
        wrong.into_iter().map(|wrong| format!("{name}: {wrong}")).collect()
    });
    Ok((count, wrong))
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

/// What is wrong with the verdicts of one.
fn one(fixture: &Path, oddity: &Oddity) -> Result<Vec<String>, String> {
    let folder = variant(fixture, oddity)?;
    let variable = format!("{}_ODDITY={}", prover::name(fixture).to_uppercase(), oddity.name);
    let only = oddity.tempts.keys().cloned().collect::<Vec<_>>().join(",");
    let card = prover::prove_with(&folder, None, Some(&only), &["--env", &variable])?;
    let rows = card["controls"].as_array().cloned().unwrap_or_default();
    let mut wrong = Vec::new();
    for (control, verdict) in &oddity.tempts {
        let expected = verdict.split(": ").next().unwrap_or(verdict);
        let row = rows.iter().find(|row| row["id"] == control.as_str());
        let found = row.and_then(|row| row["verdict"].as_str()).unwrap_or("none");
        if found != expected {
            let why = row.map(|row| row["summary"].to_string()).unwrap_or_default();
            wrong.push(format!("{control}: expected {expected}, found {found} ({why})"));
        }
    }
    Ok(wrong)
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
