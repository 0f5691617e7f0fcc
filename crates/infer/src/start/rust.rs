//! Rust: `Cargo.toml`.

use super::{Stack, Start};
use crate::Sourced;
use crate::repository::Repository;

pub(super) fn find(repository: &Repository) -> Option<Start> {
    let manifest = repository.toml("Cargo.toml")?;
    let package = manifest.get("package")?.get("name")?.as_str()?.to_owned();
    let default = manifest["package"].get("default-run").and_then(|run| run.as_str());
    let declared = manifest.get("bin").and_then(|bins| bins.as_array_of_tables());
    let declared = declared.and_then(|bins| bins.iter().next()?.get("name")?.as_str());
    let name = default.or(declared).unwrap_or(&package).to_owned();
    if declared.is_none() && !repository.has("src/main.rs") {
        return None;
    }
    let words = vec![format!("target/release/{name}")];
    let mut start = Start::new(Stack::Rust, words, "Cargo.toml");
    start.build = Some(Sourced::new("cargo build --release".to_owned(), "Cargo.toml"));
    Some(start)
}
