//! The prover is proven: healthy passes, each defect fails with its cause, the rest stays.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use model::Lane;

use crate::defects::{self, Defect};
use crate::prover::{self, fixtures, name};
use crate::{oddities, root};

/// Which controls a matrix is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Everything,
    /// The shared lane: nothing that judges time, so that it takes minutes.
    Shared,
}

impl Scope {
    fn ids(self) -> Vec<&'static str> {
        let cards = controls::CONTROLS.iter().map(|control| control.card());
        let within = |card: &&model::Card| self == Self::Everything || card.lane == Lane::Shared;
        cards.filter(within).map(|card| card.id).collect()
    }

    fn page(self) -> (&'static str, &'static str) {
        match self {
            Self::Everything => (
                "docs/reference/matrix.md",
                "# The matrix\n\nWritten by `cargo xtask matrix`: every defect of every fixture \
                 against every control.",
            ),
            Self::Shared => (
                "docs/reference/matrix-shared.md",
                "# The matrix of the shared lane\n\nWritten by `cargo xtask matrix --shared`: the \
                 defects of every control that does not judge time, and every healthy variant, \
                 against all of these.",
            ),
        }
    }
}

/// Each defect against every control; the result is written down. The fixtures run beside each
/// other.
pub(crate) fn everything(only: Option<&str>, scope: Scope) -> Result<String, String> {
    let tables = fixtures(only)?.into_iter().map(|fixture| table(&fixture, scope));
    let (path, heading) = scope.page();
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
fn table(fixture: &Path, scope: Scope) -> Result<(String, Vec<String>), String> {
    let ids = scope.ids();
    let chosen = ids.join(",");
    let only = (scope == Scope::Shared).then_some(chosen.as_str());
    let card = prove(fixture, None, only)?;
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
        vec![(defect.name.clone(), prove(fixture, Some(defect), only))]
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
    let (rows, found) = healthy_variants(fixture, only, &|verdicts| cells(verdicts, ""))?;
    page.push_str(&rows);
    wrong.extend(found);
    page.push_str(&format!("\n{}\n", reasons.join("\n")));
    Ok((page, wrong))
}

/// The rows of a fixture's oddities: what is healthy fails in no control, whichever it was meant to
/// tempt.
fn healthy_variants(
    fixture: &Path,
    only: Option<&str>,
    cells: &dyn Fn(&BTreeMap<String, String>) -> String,
) -> Result<(String, Vec<String>), String> {
    let of_fixture = format!("oddities/{}/", name(fixture));
    let mut proofs = oddities::proofs()?;
    proofs.retain(|proof| proof.key.starts_with(&of_fixture));
    let results = prover::several_at_a_time(proofs, |proof| {
        let words: Vec<&str> = proof.words.iter().map(String::as_str).collect();
        let card = proof.ready_folder().and_then(|folder| prover::prove(&folder, only, &words));
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
