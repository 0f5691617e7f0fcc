//! The files that dotenv libraries load.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders in which no `.env` file of the service is looked for.
const FOREIGN: &[&str] =
    &["node_modules", ".git", "target", "venv", ".venv", "vendor", "dist", "build", "__pycache__"];
/// How deep they are looked for: monorepos keep them in `apps/NAME`.
const DEPTH: usize = 6;

/// Whether a file is one that dotenv libraries load.
fn is_env_file(name: &str) -> bool {
    let documentation = ["example", "sample", "template", "dist", "schema", "defaults"];
    if [".env", ".flaskenv", ".envrc"].contains(&name) {
        return true;
    }
    name.strip_prefix(".env.").is_some_and(|kind| !documentation.contains(&kind))
}

/// Every such file of a repository.
pub(super) fn find(repository: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    look(repository, DEPTH, &mut found);
    found
}

fn look(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && (depth == 0 || FOREIGN.contains(&name.as_ref())) => {}
            Ok(kind) if kind.is_dir() => look(&entry.path(), depth - 1, found),
            Ok(_) if is_env_file(&name) => found.push(entry.path()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_is_told_from_what_is_documentation() {
        for name in [".env", ".env.local", ".env.production", ".flaskenv", ".envrc"] {
            assert!(is_env_file(name), "{name}");
        }
        for name in [".env.example", ".env.sample", ".environment", "env", ".envs"] {
            assert!(!is_env_file(name), "{name}");
        }
    }
}
