//! Go: `go.mod` and its main packages.

use super::{Stack, Start};
use crate::Sourced;
use crate::repository::Repository;

pub(super) fn find(repository: &Repository) -> Option<Start> {
    repository.text("go.mod")?;
    let is_main = |(path, text): &&(String, String)| {
        path.ends_with(".go") && text.lines().any(|line| line.trim() == "package main")
    };
    let serves = |text: &str| {
        ["ListenAndServe", ".Listen(", ".Run(", ".Start(", "Serve("]
            .iter()
            .any(|w| text.contains(w))
    };
    let mut mains: Vec<&(String, String)> = repository.source().iter().filter(is_main).collect();
    // The one that serves, the one that stands highest.
    mains.sort_by_key(|(path, text)| (!serves(text), path.matches('/').count(), path.clone()));
    let (path, _) = mains.first()?;
    let folder = path.rsplit_once('/').map_or(".".to_owned(), |(folder, _)| format!("./{folder}"));
    let program = "./seaworthy-build";
    let mut start =
        Start::new(Stack::Go, vec![program.to_owned()], format!("{path} is a main package"));
    let build = format!("go build -o {program} {folder}");
    start.build = Some(Sourced::new(build, "go.mod"));
    Some(start)
}
