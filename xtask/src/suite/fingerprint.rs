//! What a run's evidence depends on: a hash of the sources of its experiment.
//!
//! The crates in which experiments are made, the files that several controls share, those of the
//! control itself without its judge, and what is proven. Tests, comments and pages are left out. The
//! engine, which orders experiments, is not counted: the runs that are always done try it.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::proof::Proof;
use crate::root;

/// The crates on whose every line each experiment depends.
const SHARED: &[&str] = &["client", "isolation", "journey", "lab", "model", "process", "redact"];
/// Those on which a run through the edge depends as well.
const EDGE: &[&str] = &["edge", "layers"];
/// Beside a manifest and an application: lists of expectations, and what runs leave behind.
const NO_SOURCES: &[&str] =
    &["defects.toml", "oddities.toml", "expected.toml", ".seaworthy", "node_modules", "README.md"];

pub(super) fn of(proof: &Proof) -> String {
    let root = root();
    let mut hasher = Sha256::new();
    let crates: Vec<_> = SHARED.iter().chain(EDGE.iter().filter(|_| proof.edge)).collect();
    let mut files: Vec<PathBuf> = crates
        .iter()
        .flat_map(|name| rust_files(&root.join("crates").join(name).join("src")))
        .collect();
    let controls = rust_files(&root.join("crates/controls/src"));
    files.extend(controls.into_iter().filter(|path| concerns(path, &proof.controls)));
    let settings = rust_files(&root.join("crates/settings/src"));
    files.extend(settings.into_iter().filter(|path| concerns(path, &proof.controls)));
    for path in files {
        feed(&mut hasher, &path, &code(&fs::read_to_string(&path).unwrap_or_default()));
    }
    for path in all_files(&proof.folder) {
        feed(
            &mut hasher,
            &path,
            &fs::read(&path).map(|bytes| hex(&Sha256::digest(bytes))).unwrap_or_default(),
        );
    }
    hasher.update(proof.depends.as_bytes());
    for word in &proof.words {
        hasher.update(word.as_bytes());
    }
    hex(&hasher.finalize())[..16].to_owned()
}

fn feed(hasher: &mut Sha256, path: &Path, text: &str) {
    let name = path.strip_prefix(root()).unwrap_or(path);
    hasher.update(name.to_string_lossy().as_bytes());
    hasher.update([0]);
    hasher.update(text.as_bytes());
    hasher.update([0]);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a file of the controls or their settings concerns one of these: it is shared, or it is
/// the control's own and no judge.
fn concerns(path: &Path, controls: &[String]) -> bool {
    let parts: Vec<String> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy().replace(".rs", ""))
        .collect();
    let owner = controls::CONTROLS.iter().map(|control| control.card().id).find(|id| {
        let name = id.replace('-', "_");
        parts.contains(&name)
    });
    match owner {
        None => true,
        Some(id) => {
            let judges = parts.iter().any(|part| part == "judge" || part == "account");
            controls.iter().any(|control| control == id) && !judges
        }
    }
}

/// Without comments and without the tests at the end.
fn code(text: &str) -> String {
    let code = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let lines =
        code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let is_code = |path: &PathBuf| {
        let text = path.to_string_lossy();
        text.ends_with(".rs") && !text.ends_with("/tests.rs") && !text.contains("/tests/")
    };
    all_files(folder).into_iter().filter(is_code).collect()
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name();
        if NO_SOURCES.iter().any(|other| name == *other) {
            continue;
        }
        match entry.path() {
            path if path.is_dir() => found.extend(all_files(&path)),
            path => found.push(path),
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_tests_are_no_experiment() {
        let text = "//! A.\nfn a() {\n    // Why.\n    b();\n}\n\n#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(code(text), "fn a() {\nb();\n}");
    }

    #[test]
    fn a_control_depends_on_what_is_shared_and_on_its_own_experiment() {
        let of = |path: &str, control: &str| concerns(Path::new(path), &[control.to_owned()]);
        assert!(of("crates/controls/src/surface/visitor.rs", "cors"));
        assert!(of("crates/controls/src/traffic/cors/origins.rs", "cors"));
        assert!(!of("crates/controls/src/traffic/cors/origins.rs", "metrics"));
        assert!(!of(
            "crates/controls/src/lifecycle/graceful_shutdown/judge.rs",
            "graceful-shutdown"
        ));
        assert!(of(
            "crates/controls/src/lifecycle/graceful_shutdown/round.rs",
            "graceful-shutdown"
        ));
        assert!(!of("crates/settings/src/controls/cors.rs", "metrics"));
    }
}
