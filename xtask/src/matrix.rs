//! The prover is proven: healthy passes, each defect fails with its cause, the rest stays.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use model::Lane;

use crate::defects::{self, Defect};
use crate::prover::{fixtures, name, prove_with};
use crate::snapshot::Snapshot;
use crate::{cases, oddities, root, supplied};

/// The healthy run, then each defect with `--only`; the fixtures beside each other, so that every
/// experiment also runs while another process keeps a processor busy.
pub(crate) fn each_with_only(only: Option<&str>) -> Result<String, String> {
    let fixtures = fixtures(only)?;
    let results: Vec<_> = std::thread::scope(|scope| {
        let last = fixtures.len().saturating_sub(1);
        let threads: Vec<_> = fixtures
            .iter()
            .enumerate()
            .map(|(at, fixture)| {
                let with_the_small_ones = at == last && only.is_none();
                scope.spawn(move || everything_of(fixture, with_the_small_ones))
            })
            .collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a thread failed".to_owned())));
        joined.collect()
    });
    let mut wrong = Vec::new();
    let mut count = 0;
    for result in results {
        let (tried, found) = result?;
        count += tried;
        wrong.extend(found);
    }
    counted(count, &wrong)
}

/// The defects of a fixture, and then, where it has fewer than the other, cases and oddities: they end
/// before the other's defects do.
fn everything_of(
    fixture: &Path,
    with_the_small_ones: bool,
) -> Result<(usize, Vec<String>), String> {
    let (mut count, mut wrong) = defects_of(fixture)?;
    if with_the_small_ones {
        for (tried, found) in [cases::all()?, oddities::all(None)?] {
            count += tried;
            wrong.extend(found);
        }
    }
    Ok((count, wrong))
}

/// The closing line.
pub(crate) fn counted(count: usize, wrong: &[String]) -> Result<String, String> {
    let passed = count - wrong.len().min(count);
    match wrong {
        [] => Ok(format!("{passed} passed, 0 failed")),
        _ => Err(format!("{}\n{passed} passed, {} failed", wrong.join("\n"), wrong.len())),
    }
}

/// How many runs, and what was wrong with them. The fixture's folder is as before in the end.
fn defects_of(fixture: &Path) -> Result<(usize, Vec<String>), String> {
    let before = Snapshot::take(fixture)?;
    let (count, mut wrong) = try_defects(fixture)?;
    wrong.extend(before.changed()?);
    Ok((count, wrong))
}

fn try_defects(fixture: &Path) -> Result<(usize, Vec<String>), String> {
    let mut wrong = unhealthy(fixture, &prove(fixture, None, None)?, &Scope::Everything.ids());
    let mut count = 1;
    let mut supplied = supplied::controls_of(fixture)?;
    for defect in defects::read(fixture)? {
        let began = Instant::now();
        let card = prove(fixture, Some(&defect), Some(defect.control()))?;
        let found = missed(&defect, &card);
        let seconds = began.elapsed().as_secs_f64();
        let word = if found.is_none() { "found" } else { "MISSED" };
        println!("{word:>8} [{seconds:>5.1}s] {} {}", name(fixture), defect.name);
        wrong.extend(found.map(|why| format!("{} {}: {why}", name(fixture), defect.name)));
        count += 1;
        // The third case, for one defect of each control that is supplied.
        if supplied.remove(defect.control()) {
            if defect.unsupplied.is_some() {
                supplied.insert(defect.control().to_owned());
                continue;
            }
            let edge = supplied::try_one(fixture, &defect)?;
            let word = if edge.wrong.is_none() { "mended" } else { "NOT MENDED" };
            println!("{word:>10}       {} {} through the edge", name(fixture), defect.name);
            wrong.extend(edge.wrong);
            count += 1;
        }
    }
    Ok((count, wrong))
}

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
                 defects of every control that does not judge time, against all of these.",
            ),
        }
    }
}

/// Each defect against every control; the result is written down. The fixtures run beside each
/// other.
pub(crate) fn everything(only: Option<&str>, scope: Scope) -> Result<String, String> {
    let fixtures = fixtures(only)?;
    let tables: Vec<_> = std::thread::scope(|threads_of| {
        let threads: Vec<_> = fixtures
            .iter()
            .map(|fixture| threads_of.spawn(move || table(fixture, scope)))
            .collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a thread failed".to_owned())));
        joined.collect()
    });
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
    if !wrong.is_empty() {
        return Err(format!("{}\n{} wrong", wrong.join("\n"), wrong.len()));
    }
    if only.is_none() {
        let path = root().join(path);
        fs::write(&path, page).map_err(|error| format!("{}: {error}", path.display()))?;
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
    let mut wrong = unhealthy(fixture, &card, &ids);
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
    let defects = defects::read(fixture)?;
    for defect in defects.iter().filter(|defect| ids.contains(&defect.control())) {
        let card = prove(fixture, Some(defect), only)?;
        let found = verdicts(&card);
        println!("{} {}: {found:?}", name(fixture), defect.name);
        page.push_str(&format!("| `{}` | {} |\n", defect.name, cells(&found, defect.control())));
        wrong.extend(missed(defect, &card).map(|why| format!("{}: {why}", defect.name)));
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
    page.push_str(&format!("\n{}\n", reasons.join("\n")));
    Ok((page, wrong))
}

fn prove(fixture: &Path, defect: Option<&Defect>, only: Option<&str>) -> Result<Value, String> {
    prove_with(fixture, defect, only, &[])
}

fn verdicts(card: &Value) -> BTreeMap<String, String> {
    let rows = card["controls"].as_array().into_iter().flatten();
    rows.filter_map(|row| Some((row["id"].as_str()?.into(), row["verdict"].as_str()?.into())))
        .collect()
}

fn unhealthy(fixture: &Path, card: &Value, ids: &[&str]) -> Vec<String> {
    let verdicts = verdicts(card);
    ids.iter()
        .filter(|id| {
            let fine = |verdict: &String| verdict == "pass" || verdict == "not-applicable";
            !verdicts.get(**id).is_some_and(fine)
        })
        .map(|id| format!("{} healthy: {id} is {:?}, not pass", name(fixture), verdicts.get(*id)))
        .collect()
}

/// Why a defect was not found as it should be.
fn missed(defect: &Defect, card: &Value) -> Option<String> {
    let row = card["controls"].as_array()?.iter().find(|row| row["id"] == defect.control())?;
    if row["verdict"] != "fail" {
        return Some(format!("expected fail, found {}: {}", row["verdict"], row["summary"]));
    }
    let findings = row["findings"].as_array().into_iter().flatten();
    let failing: Vec<_> = findings.filter(|finding| finding["severity"] == "fail").collect();
    let causes: Vec<_> = failing.iter().filter_map(|finding| finding["cause"].as_str()).collect();
    let expected = |cause: &&str| *cause == defect.cause || defect.also.iter().any(|a| a == cause);
    let found = causes.contains(&defect.cause.as_str()) && causes.iter().all(expected);
    (!found).then(|| format!("expected the cause {}, found {causes:?}", defect.cause))
}
