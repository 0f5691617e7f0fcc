//! The third case: a defect behind the edge, which supplies what it takes away.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::defects::{self, Defect};
use crate::measured::Measured;
use crate::prover::{self, fixtures, name};
use crate::root;
use crate::suite::proof::Proof;

/// The controls that a fixture's manifest has supplied.
pub(crate) fn controls_of(fixture: &Path) -> Result<BTreeSet<String>, String> {
    let path = fixture.join("seaworthy.toml");
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let parsed = settings::parse(&text).map_err(|_| format!("{} is wrong", path.display()))?;
    Ok(parsed.manifest.supply.controls.into_iter().collect())
}

/// One defect of each supplied control, behind the edge.
pub(crate) fn proofs(fixture: &Path) -> Result<Vec<Proof>, String> {
    let mut supplied = controls_of(fixture)?;
    let mut proofs = Vec::new();
    for defect in defects::read(fixture)? {
        if defect.unsupplied.is_none() && supplied.remove(defect.control()) {
            proofs.push(proof(fixture, defect));
        }
    }
    Ok(proofs)
}

fn proof(fixture: &Path, defect: Defect) -> Proof {
    let key = format!("edge/{}/{}", prover::name(fixture), defect.name);
    let controls = vec![defect.control().to_owned()];
    let mut words = defect.words(fixture);
    words.push("--supplied".to_owned());
    let check = move |card: &Value| wrong(&defect, card).into_iter().collect();
    Proof { words, edge: true, ..Proof::new(key, fixture.to_owned(), controls, check) }
}

/// What should have been otherwise.
fn wrong(defect: &Defect, card: &Value) -> Option<String> {
    let (alone, edge) = found(defect, card);
    let expected = defect.unsupplied.is_none();
    (alone != "fail" || (edge == "pass") != expected).then(|| {
        format!(
            "alone {alone}, through the edge {edge} ({}); expected {}",
            prover::row(card, defect.control())["summary"],
            if expected { "pass" } else { "that it stays, as its entry says" }
        )
    })
}

/// The verdicts of the service alone and through the edge.
fn found<'a>(defect: &Defect, card: &'a Value) -> (&'a str, &'a str) {
    let row = prover::row(card, defect.control());
    let word = |name: &str| row[name].as_str().unwrap_or("nothing");
    (word("without_edge"), word("verdict"))
}

/// Every defect of every supplied control; the result is written down.
pub(crate) fn everything(only: Option<&str>, measured: Measured) -> Result<String, String> {
    let mut page =
        "# The third case\n\nWritten by `cargo xtask matrix --supplied`: each defect of a \
                    control that `seaworthy run` supplies, alone and through the edge.\n"
            .to_owned();
    let mut wrong = Vec::new();
    let (mut mended, mut all) = (0, 0);
    for fixture in fixtures(only)? {
        let supplied = controls_of(&fixture)?;
        page.push_str(&format!("\n## {}\n", name(&fixture)));
        page.push_str("| defect | alone | through the edge | why it stays |\n|---|---|---|---|\n");
        let mut defects = defects::read(&fixture)?;
        defects.retain(|defect| supplied.contains(defect.control()));
        let cards: BTreeMap<String, _> = prover::several_at_a_time(defects.clone(), |defect| {
            let words = proof(&fixture, defect.clone()).words;
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let key = format!("supplied/{}/{}", name(&fixture), defect.name);
            let prove = || prover::prove(&fixture, Some(defect.control()), &words);
            vec![(defect.name.clone(), measured.card(&key, prove))]
        })
        .into_iter()
        .collect();
        for defect in &defects {
            let proof = proof(&fixture, defect.clone());
            let card =
                cards.get(&defect.name).cloned().unwrap_or_else(|| Err("not run".to_owned()))?;
            let (alone, edge) = found(defect, &card);
            let why = defect.unsupplied.as_deref().unwrap_or_default();
            let line = format!("| `{}` | {alone} | {edge} | {why} |\n", defect.name);
            print!("{line}");
            page.push_str(&line);
            all += 1;
            mended += usize::from(edge == "pass");
            wrong.extend(
                (proof.check)(&card).into_iter().map(|why| format!("{}: {why}", proof.key)),
            );
        }
    }
    if !wrong.is_empty() {
        return Err(format!("{}\n{} wrong", wrong.join("\n"), wrong.len()));
    }
    page.push_str(&format!("\n{mended} of {all} are mended.\n"));
    if only.is_none() {
        let path = root().join("docs/reference/matrix-supplied.md");
        fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(format!(
        "{mended} of {all} are mended, and the others stay for the reasons in their entries"
    ))
}
