//! The prover is proven: healthy passes, each defect fails with its cause, the rest stays.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use model::Lane;

use crate::defects::{self, Defect};
use crate::measured::Measured;
use crate::prover::{self, fixtures, name};
use crate::{oddities, root};

/// The word on the command line that asks for a lane's matrix.
pub(crate) fn flag(lane: Lane) -> &'static str {
    match lane {
        Lane::Shared => "--shared",
        Lane::Quiet => "--quiet",
    }
}

/// The controls of a lane.
fn ids(lane: Lane) -> Vec<&'static str> {
    let cards = controls::CONTROLS.iter().map(|control| control.card());
    cards.filter(|card| card.lane == lane).map(|card| card.id).collect()
}

fn page(lane: Lane) -> (&'static str, &'static str) {
    match lane {
        Lane::Shared => (
            "docs/reference/matrix-shared.md",
            "# The matrix of the shared lane\n\nWritten by `cargo xtask matrix --shared`: the \
             defects of every control that does not judge time, and every healthy variant, \
             against all of these controls.",
        ),
        Lane::Quiet => (
            "docs/reference/matrix-quiet.md",
            "# The matrix of the quiet lane\n\nWritten by `cargo xtask matrix --quiet`: the \
             defects of every control that judges time, and every healthy variant, against all \
             of these controls.",
        ),
    }
}

/// Each defect against every control of its lane; the result is written down.
pub(crate) fn of(lane: Lane, only: Option<&str>, measured: Measured) -> Result<String, String> {
    let tables = fixtures(only)?.into_iter().map(|fixture| table(&fixture, lane, measured));
    let (path, heading) = page(lane);
    let mut page = format!(
        "{heading} A cell in **bold** is the defect's own control and must fail with the cause; any \
         other cell that is not as in the healthy run stands with its reason below.\n"
    );
    let mut wrong = Vec::new();
    for table in tables {
        let (text, found) = table?;
        page.push_str(&text);
        wrong.extend(found);
    }
    if only.is_none() && wrong.is_empty() {
        let path = root().join(path);
        fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    if !wrong.is_empty() {
        return Err(format!("{}\n{} wrong", wrong.join("\n"), wrong.len()));
    }
    Ok("every defect was found and nothing else moved without a reason".to_owned())
}

/// A fixture's part of the page, and what was wrong.
fn table(fixture: &Path, lane: Lane, measured: Measured) -> Result<(String, Vec<String>), String> {
    let ids = ids(lane);
    let chosen = ids.join(",");
    let only = Some(chosen.as_str());
    let proven = |defect: Option<&Defect>| {
        let called = defect.map_or("healthy", |defect| &defect.name);
        let key = format!("matrix/{}/{}/{called}", flag(lane), name(fixture));
        measured.card(&key, || prove(fixture, defect, only))
    };
    let card = proven(None)?;
    let healthy = verdicts(&card);
    let mut wrong = defects::unhealthy(&card, &ids);
    let mut page = format!("\n## {}\n| defect | {} |\n", name(fixture), ids.join(" | "));
    page.push_str(&format!("|---|{}\n", "---|".repeat(ids.len())));
    let cells = |verdicts: &BTreeMap<String, String>, own: &str| -> String {
        let cell = |id: &&str| {
            let verdict = verdicts.get(*id).cloned().unwrap_or_default();
            if *id == own { format!("**{verdict}**") } else { verdict }
        };
        ids.iter().map(cell).collect::<Vec<_>>().join(" | ")
    };
    page.push_str(&format!("| none | {} |\n", cells(&healthy, "")));
    let mut reasons = Vec::new();
    let mut defects = defects::read(fixture)?;
    defects.retain(|defect| ids.contains(&defect.control()));
    let cards: BTreeMap<String, _> = prover::several_at_a_time(defects.clone(), |defect| {
        vec![(defect.name.clone(), proven(Some(defect)))]
    })
    .into_iter()
    .collect();
    for defect in &defects {
        let card = cards.get(&defect.name).cloned().unwrap_or_else(|| Err("not run".to_owned()))?;
        let found = verdicts(&card);
        println!("{} {}: {found:?}", name(fixture), defect.name);
        page.push_str(&format!("| `{}` | {} |\n", defect.name, cells(&found, defect.control())));
        wrong.extend(defect.missed(&card).map(|why| format!("{}: {why}", defect.name)));
        for (id, verdict) in found.iter().filter(|(id, _)| *id != defect.control()) {
            if healthy.get(id) == Some(verdict) {
                continue;
            }
            match defect.reason_for(id, verdict) {
                Some(reason) if defect.moves.contains_key(id) => {
                    reasons.push(format!("- `{}` moves {id}: {reason}.", defect.name));
                }
                Some(_) => {}
                None => {
                    wrong.push(format!("{} moves {id} to {verdict} without a reason", defect.name));
                }
            }
        }
        if let Some(reason) = defect.for_all() {
            reasons.push(format!("- `{}` moves most others: {reason}.", defect.name));
        }
    }
    let (rows, found) = healthy_variants(fixture, lane, measured, &|verdicts| cells(verdicts, ""))?;
    page.push_str(&rows);
    wrong.extend(found);
    page.push_str(&format!("\n{}\n", reasons.join("\n")));
    Ok((page, wrong))
}

/// The rows of a fixture's oddities: what is healthy fails in no control, whichever it was meant to
/// tempt.
fn healthy_variants(
    fixture: &Path,
    lane: Lane,
    measured: Measured,
    cells: &dyn Fn(&BTreeMap<String, String>) -> String,
) -> Result<(String, Vec<String>), String> {
    let chosen = ids(lane).join(",");
    let only = Some(chosen.as_str());
    let of_fixture = format!("oddities/{}/", name(fixture));
    let mut proofs = oddities::proofs()?;
    proofs.retain(|proof| proof.key.starts_with(&of_fixture));
    let results = prover::several_at_a_time(proofs, |proof| {
        let words: Vec<&str> = proof.words.iter().map(String::as_str).collect();
        let key = format!("matrix/{}/{}", flag(lane), proof.key);
        let prove = || prover::prove(&proof.ready_folder()?, only, &words);
        let card = measured.card(&key, prove);
        vec![(proof.key.trim_start_matches(&of_fixture).to_owned(), card)]
    });
    let results: BTreeMap<String, _> = results.into_iter().collect();
    let (mut rows, mut wrong) = (String::new(), Vec::new());
    for (oddity, card) in results {
        let found = verdicts(&card?);
        println!("{} {oddity}: {found:?}", name(fixture));
        rows.push_str(&format!("| healthy: `{oddity}` | {} |\n", cells(&found)));
        let failed = found.iter().filter(|(_, verdict)| *verdict == "fail");
        wrong.extend(failed.map(|(id, _)| format!("{oddity} is healthy, and {id} fails")));
    }
    Ok((rows, wrong))
}

fn prove(fixture: &Path, defect: Option<&Defect>, only: Option<&str>) -> Result<Value, String> {
    let words = defect.map(|defect| defect.words(fixture)).unwrap_or_default();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let called = defect.map_or("healthy", |defect| &defect.name);
    prover::prove(fixture, only, &words)
        .map_err(|error| format!("{} {called}: {error}", name(fixture)))
}

fn verdicts(card: &Value) -> BTreeMap<String, String> {
    let rows = card["controls"].as_array().into_iter().flatten();
    rows.filter_map(|row| Some((row["id"].as_str()?.into(), row["verdict"].as_str()?.into())))
        .collect()
}
