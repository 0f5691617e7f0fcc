//! A container's command, and a Procfile.

use super::words::simple;
use super::{Stack, Start, of_repository};
use crate::repository::Repository;

/// Programs that are on a developer's machine as in the image. What an image builds or copies is not.
const PROGRAMS: &[&str] = &["node", "python", "python3", "ruby", "php", "deno", "bun"];

/// The last `CMD` or `ENTRYPOINT` of a Dockerfile, where its program and file are here, too.
pub(super) fn find(repository: &Repository) -> Option<Start> {
    let text = repository.text("Dockerfile")?;
    let lines = text.lines().map(str::trim);
    let mut lines = lines.rev();
    let line = lines.find(|line| line.starts_with("CMD") || line.starts_with("ENTRYPOINT"))?;
    let rest = line.split_once(' ')?.1.trim();
    let words = match serde_json::from_str::<Vec<String>>(rest) {
        Ok(words) => simple(&shell_words::join(words))?,
        Err(_) => simple(rest)?,
    };
    let (program, file) = (words.first()?, words.get(1)?);
    let file = file.trim_start_matches("./").trim_start_matches("/app/");
    let usable = PROGRAMS.contains(&program.as_str()) && repository.has(file);
    let stack = of_repository(repository);
    usable.then(|| Start::new(stack, words, "Dockerfile CMD"))
}

/// The web process of a Procfile.
pub(super) fn of_procfile(repository: &Repository) -> Option<Start> {
    let text = repository.text("Procfile")?;
    let line = text.lines().find_map(|line| line.strip_prefix("web:"))?;
    let stack = of_repository(repository);
    let mut words = simple(line.trim())?;
    if stack == Stack::Python {
        words = super::python::in_environment(repository, words);
    }
    Some(Start::new(stack, words, "Procfile web"))
}

/// The processes of a Procfile that names no web process.
pub(super) fn workers(repository: &Repository) -> Vec<String> {
    let text = repository.text("Procfile").unwrap_or_default();
    let names = text.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim());
    names.filter(|name| !name.starts_with('#')).map(str::to_owned).collect()
}
