//! What a run's evidence depends on: a hash of the sources of its experiment.
//!
//! The crates in which experiments are made, what several controls share, the control's own files
//! and settings, and what is proven. Judges, tests, comments and pages are left out: stored evidence
//! is there to try them. So are lists of all controls, which each new one changes, the manifest's
//! parser and the engine, which orders experiments: the runs that are always done try those.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::proof::Proof;
use crate::root;

/// The crates on whose every line each experiment depends.
const SHARED: &[&str] = &["client", "isolation", "journey", "lab", "process", "redact"];
/// Those on which a run through the edge depends as well.
const EDGE: &[&str] = &["edge", "layers"];
/// What several experiments share, by the word with which a control asks for it.
const EXPERIMENTS: &[(&str, &[&str])] = &[
    ("outage", &["outage.rs", "work_request.rs"]),
    ("work_request", &["work_request.rs"]),
    ("surface", SURFACE),
    ("SurfaceControl", SURFACE),
];
const SURFACE: &[&str] = &[
    "surface.rs",
    "surface/feature.rs",
    "surface/limiter.rs",
    "surface/secrets.rs",
    "surface/tour.rs",
    "surface/visitor.rs",
    "work_request.rs",
];
/// Defaults that change what a lab does.
const SETTINGS: &[&str] =
    &["dependency.rs", "environment.rs", "journey.rs", "probe.rs", "service.rs"];
/// Files and folders that conclude from evidence and gather none.
const JUDGES: &[&str] = &["judge", "account"];
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
    let (controls, settings) = (root.join("crates/controls/src"), root.join("crates/settings/src"));
    files.extend(SETTINGS.iter().map(|name| settings.join(name)));
    let own = [rust_files(&controls), rust_files(&settings.join("controls"))].concat();
    let own = own.into_iter().filter(|path| is_own(path, &proof.controls));
    for path in own {
        let text = code(&fs::read_to_string(&path).unwrap_or_default());
        let asked = EXPERIMENTS.iter().filter(|(word, _)| text.contains(word));
        files.extend(asked.flat_map(|(_, names)| *names).map(|name| controls.join(name)));
        files.push(path);
    }
    files.sort();
    files.dedup();
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

/// Whether a file belongs to one of these controls, and gathers evidence.
fn is_own(path: &Path, controls: &[String]) -> bool {
    let parts: Vec<String> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy().replace(".rs", ""))
        .collect();
    let is_part = |name: &str| parts.iter().any(|part| part == name);
    controls.iter().any(|id| is_part(&id.replace('-', "_")))
        && !JUDGES.iter().any(|judge| is_part(judge))
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
    fn a_control_depends_on_its_own_experiment_and_not_on_its_judge() {
        let of = |path: &str, control: &str| is_own(Path::new(path), &[control.to_owned()]);
        assert!(of("crates/controls/src/traffic/cors/origins.rs", "cors"));
        assert!(!of("crates/controls/src/traffic/cors/origins.rs", "metrics"));
        let shutdown = |file: &str| {
            of(
                &format!("crates/controls/src/lifecycle/graceful_shutdown/{file}"),
                "graceful-shutdown",
            )
        };
        assert!(shutdown("round.rs") && !shutdown("judge.rs"));
        assert!(!of("crates/settings/src/controls/cors.rs", "metrics"));
    }

    #[test]
    fn what_is_shared_is_there() {
        let root = root();
        for name in EXPERIMENTS.iter().flat_map(|(_, names)| *names) {
            assert!(root.join("crates/controls/src").join(name).exists(), "{name}");
        }
        for name in SETTINGS {
            assert!(root.join("crates/settings/src").join(name).exists(), "{name}");
        }
    }
}
