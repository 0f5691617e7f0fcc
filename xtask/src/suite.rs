//! All runs of the product whose verdicts are known: healthy fixtures, defects, defects behind the
//! edge, oddities and cases.
//!
//! A run whose experiment did not change since its evidence was stored is not done again: the stored
//! evidence goes through the judges. What did change, the healthy fixtures and one defect of each
//! control are run from end to end.

mod fingerprint;
pub(crate) mod proof;
mod stored;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use self::proof::Proof;
use crate::snapshot::Snapshot;
use crate::{cases, defects, oddities, prover, supplied};

/// What is done with the runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What changed is run, the rest replayed.
    Changed,
    /// Everything is run.
    Everything,
    /// What changed is run and its evidence stored.
    Store,
    /// Everything is run and its evidence stored.
    StoreEverything,
}

impl Mode {
    fn runs_everything(self) -> bool {
        matches!(self, Self::Everything | Self::StoreEverything)
    }

    fn stores(self) -> bool {
        matches!(self, Self::Store | Self::StoreEverything)
    }
}

/// What one run came to.
struct Outcome {
    replayed: bool,
    wrong: Vec<String>,
}

/// Does all runs, or those whose key or control holds a word. The line that counts them.
///
/// # Errors
/// What was wrong.
pub(crate) fn all(only: Option<&str>, mode: Mode) -> Result<String, String> {
    let began = Instant::now();
    let mut proofs = proofs()?;
    proofs.retain(|proof| only.is_none_or(|word| proof.is_meant_by(word)));
    if proofs.is_empty() {
        return Err(format!("no run is called {}", only.unwrap_or("anything")));
    }
    let watched: BTreeSet<PathBuf> = proofs.iter().map(|proof| proof.folder.clone()).collect();
    let before: Vec<_> = watched.iter().filter_map(|path| Snapshot::take(path).ok()).collect();
    // The longest first, so that no processor waits at the end; the last is taken first.
    proofs.sort_by_key(|proof| std::cmp::Reverse(proof.order()));
    proofs.reverse();
    // Taken now, since somebody may edit meanwhile; so is the program.
    let proofs: Vec<_> = proofs.into_iter().map(|proof| (fingerprint::of(&proof), proof)).collect();
    prover::program();
    let outcomes =
        prover::several_at_a_time(proofs, |(sources, proof)| vec![one(proof, mode, sources)]);
    let replayed = outcomes.iter().filter(|outcome| outcome.replayed).count();
    let (count, ran) = (outcomes.len(), outcomes.len() - replayed);
    let mut wrong: Vec<String> = outcomes.into_iter().flat_map(|outcome| outcome.wrong).collect();
    for before in before {
        wrong.extend(before.changed()?);
    }
    let seconds = began.elapsed().as_secs();
    println!("{ran} run from end to end, {replayed} replayed from stored evidence, in {seconds} s");
    counted(count, &wrong)
}

/// The closing line.
pub(crate) fn counted(count: usize, wrong: &[String]) -> Result<String, String> {
    let passed = count - wrong.len().min(count);
    match wrong {
        [] => Ok(format!("{passed} passed, 0 failed")),
        _ => Err(format!("{}\n{passed} passed, {} failed", wrong.join("\n"), wrong.len())),
    }
}

fn proofs() -> Result<Vec<Proof>, String> {
    let mut all = cases::proofs()?;
    all.extend(oddities::proofs()?);
    for fixture in prover::fixtures(None)? {
        all.extend(defects::proofs(&fixture)?);
        all.extend(supplied::proofs(&fixture)?);
    }
    Ok(all)
}

fn one(proof: &Proof, mode: Mode, sources: &str) -> Outcome {
    let stored = stored::read(&proof.key).filter(|stored| stored.sources == sources);
    let again = mode.runs_everything() || proof.always && !mode.stores();
    if let Some(stored) = stored.filter(|_| !again) {
        // What can no longer be read is run again.
        if let Ok(card) = stored.judged() {
            let wrong = named(proof, (proof.check)(&card));
            if !wrong.is_empty() {
                println!("   WRONG  replayed {}", proof.key);
            }
            return Outcome { replayed: true, wrong };
        }
    }
    let began = Instant::now();
    let wrong = match run(proof, mode, sources) {
        Ok(wrong) => named(proof, wrong),
        Err(error) => named(proof, vec![error]),
    };
    let word = if wrong.is_empty() { "right" } else { "WRONG" };
    println!("{word:>8} [{:>5.1}s] {}", began.elapsed().as_secs_f64(), proof.key);
    Outcome { replayed: false, wrong }
}

fn named(proof: &Proof, wrong: Vec<String>) -> Vec<String> {
    wrong.into_iter().map(|why| format!("{}: {why}", proof.key)).collect()
}

/// Runs it from end to end, and keeps its evidence where that is asked for and it came out right.
fn run(proof: &Proof, mode: Mode, sources: &str) -> Result<Vec<String>, String> {
    let folder = proof.ready_folder()?;
    let out = std::env::temp_dir().join(format!("seaworthy-proof-{}-{}", std::process::id(), {
        let name: String = proof.key.chars().map(|c| if c == '/' { '.' } else { c }).collect();
        name
    }));
    let out_words = ["--out".to_owned(), out.display().to_string()];
    let words: Vec<&str> = proof
        .words
        .iter()
        .chain(mode.stores().then_some(&out_words).into_iter().flatten())
        .map(String::as_str)
        .collect();
    let only = proof.controls.join(",");
    let only = (!proof.whole).then_some(only.as_str());
    let wrong = prover::prove(&folder, only, &words).map(|card| (proof.check)(&card));
    if mode.stores() && wrong.as_ref().is_ok_and(Vec::is_empty) {
        stored::keep(&proof.key, sources.to_owned(), &out)?;
    }
    let _ = std::fs::remove_dir_all(&out);
    wrong
}
