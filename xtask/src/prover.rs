//! The program under test, and what it is tried on.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

use crate::defects::Defect;
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
fn program() -> PathBuf {
    static COPY: OnceLock<PathBuf> = OnceLock::new();
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

/// Works on all of these, two at a time. What each came to.
pub(crate) fn two_at_a_time<T: Send, R: Send>(
    all: Vec<T>,
    work: impl Fn(&T) -> Vec<R> + Sync,
) -> Vec<R> {
    let (waiting, results) = (Mutex::new(all), Mutex::new(Vec::new()));
    let taken = || waiting.lock().ok().and_then(|mut waiting| waiting.pop());
    std::thread::scope(|scope| {
        for _ in 0..2 {
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

/// Proves with further words on the command line.
pub(crate) fn prove_with(
    fixture: &Path,
    defect: Option<&Defect>,
    only: Option<&str>,
    more: &[&str],
) -> Result<Value, String> {
    let program = program();
    let mut command = Command::new(&program);
    command.arg("prove").arg(fixture).args(["--format", "json"]).args(more);
    if let Some(defect) = defect {
        let variable = format!("{}_DEFECT", name(fixture).to_uppercase());
        command.args(["--env", &format!("{variable}={}", defect.name)]);
    }
    if let Some(only) = only {
        command.args(["--only", only]);
    }
    let output = command.output().map_err(|error| {
        format!("cannot run {}: {error}; build it with cargo build --release", program.display())
    })?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        format!(
            "{} {}: no scorecard ({error}):\n{}",
            name(fixture),
            defect.map_or("healthy", |defect| defect.name.as_str()),
            String::from_utf8_lossy(&output.stderr)
        )
    })
}
