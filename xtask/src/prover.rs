//! The program under test, and what it is tried on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

use crate::root;

/// The folders with a `defects.toml`.
pub(crate) fn fixtures(only: Option<&str>) -> Result<Vec<PathBuf>, String> {
    let folder = root().join("fixtures");
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut found: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("defects.toml").is_file())
        .filter(|path| only.is_none_or(|only| path.ends_with(only)))
        .collect();
    found.sort();
    if found.is_empty() { Err("there is no such fixture".to_owned()) } else { Ok(found) }
}

pub(crate) fn name(fixture: &Path) -> String {
    fixture.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The program under test, copied once: it may be built anew meanwhile.
pub(crate) fn program() -> PathBuf {
    let built = root().join("target/release/seaworthy");
    let copy = COPY.get_or_init(|| {
        let copy = root().join(format!("target/seaworthy-under-test-{}", std::process::id()));
        match fs::copy(&built, &copy) {
            Ok(_) => copy,
            Err(_) => built.clone(),
        }
    });
    copy.clone()
}

static COPY: OnceLock<PathBuf> = OnceLock::new();

/// Takes away the copy of the program.
pub(crate) fn clean() {
    if let Some(copy) = COPY.get().filter(|copy| !copy.ends_with("seaworthy")) {
        let _ = fs::remove_file(copy);
    }
}

/// Works on all of these, several at a time: most of a proof is waiting. What each came to.
pub(crate) fn several_at_a_time<T: Send, R: Send>(
    all: Vec<T>,
    work: impl Fn(&T) -> Vec<R> + Sync,
) -> Vec<R> {
    let (waiting, results) = (Mutex::new(all), Mutex::new(Vec::new()));
    let taken = || waiting.lock().ok().and_then(|mut waiting| waiting.pop());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(one) = taken() {
                    let result = work(&one);
                    if let Ok(mut results) = results.lock() {
                        results.extend(result);
                    }
                }
            });
        }
    });
    results.into_inner().unwrap_or_default()
}

/// So many proofs at once. Two processors bear them, and each is disturbed as on a busy machine.
const AT_ONCE: usize = 4;

/// Proves what is in a folder, with further words on the command line.
pub(crate) fn prove(folder: &Path, only: Option<&str>, more: &[&str]) -> Result<Value, String> {
    let mut command = Command::new(program());
    command.arg("prove").arg(folder).args(["--format", "json"]).args(more);
    if let Some(only) = only {
        command.args(["--only", only]);
    }
    scorecard(command)
}

/// Judges a stored run.
pub(crate) fn judge(run: &Path) -> Result<Value, String> {
    let mut command = Command::new(program());
    command.arg("judge").arg(run).args(["--format", "json"]);
    scorecard(command)
}

fn scorecard(mut command: Command) -> Result<Value, String> {
    let output = command
        .output()
        .map_err(|error| format!("{error}; build it with cargo build --release: {command:?}"))?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        format!("no scorecard ({error}):\n{}", String::from_utf8_lossy(&output.stderr))
    })
}

/// A control's row; null where it was not tried.
pub(crate) fn row<'a>(card: &'a Value, id: &str) -> &'a Value {
    let mut rows = card["controls"].as_array().into_iter().flatten();
    rows.find(|row| row["id"] == id).unwrap_or(&Value::Null)
}
