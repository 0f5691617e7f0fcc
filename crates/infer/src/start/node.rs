//! Node: `package.json`.

use serde_json::Value;

use super::words::simple;
use super::{Stack, Start};
use crate::Sourced;
use crate::repository::Repository;

/// Scripts that start the service as in production, the best first. Those that deploy, publish or
/// send are none of them.
const SCRIPTS: [&str; 5] = ["start:prod", "start:production", "serve", "start", "server"];
/// Programs that start the service again when a file changes, or only look like one.
const NOT_FOR_PRODUCTION: &[&str] = &["nodemon", "nest", "vite", "ng", "react-scripts", "tsc"];
const PACKAGE_MANAGERS: &[&str] = &["npm", "npx", "yarn", "pnpm", "bun", "bunx", "corepack"];

pub(super) fn find(repository: &Repository) -> Option<Start> {
    let package = repository.json("package.json")?;
    let scripts = &package["scripts"];
    let script = |name: &str| scripts[name].as_str();
    let mut found = SCRIPTS.iter().find_map(|name| {
        let words = unwrapped(repository, &package, script(name)?, 0)?;
        let mut start = Start::new(Stack::Node, words, format!("package.json scripts.{name}"));
        start.unwrapped = true;
        Some(start)
    });
    if found.is_none() {
        let main = package["main"].as_str().filter(|main| repository.has(main)).map(str::to_owned);
        let usual =
            ["server.js", "app.js", "index.js", "src/server.js", "src/index.js", "src/app.js"];
        let file = main.or_else(|| repository.first(&usual))?;
        let words = vec!["node".to_owned(), file.clone()];
        found = Some(Start::new(Stack::Node, words, format!("{file} is there")));
    }
    let mut start = found?;
    if script("build").is_some() && is_built(repository, &start) {
        let manager = manager(repository);
        start.build =
            Some(Sourced::new(format!("{manager} run build"), "package.json scripts.build"));
    }
    Some(start)
}

/// The words of a script's program, where no shell is needed.
pub(crate) fn script_words(
    repository: &Repository,
    package: &Value,
    line: &str,
) -> Option<Vec<String>> {
    unwrapped(repository, package, line, 0)
}

/// The program behind a script: a package manager's own process would get the signals.
fn unwrapped(
    repository: &Repository,
    package: &Value,
    line: &str,
    depth: usize,
) -> Option<Vec<String>> {
    let mut words = simple(line)?;
    let program = words.first()?.clone();
    if PACKAGE_MANAGERS.contains(&program.as_str()) && depth < 3 {
        let rest: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let script = match rest.as_slice() {
            ["run" | "run-script", name, ..] | [name @ "start", ..] => *name,
            _ => return None,
        };
        return unwrapped(repository, package, package["scripts"][script].as_str()?, depth + 1);
    }
    if NOT_FOR_PRODUCTION.contains(&program.as_str())
        || words.iter().any(|word| word == "--watch" || word == "watch")
    {
        return None;
    }
    let local = format!("node_modules/.bin/{program}");
    if !program.contains('/') && repository.has(&local) {
        words[0] = local;
    }
    Some(words)
}

/// Whether what is started must be built first: it stands in a folder of built files, or is not there.
fn is_built(repository: &Repository, start: &Start) -> bool {
    start.command.value.iter().skip(1).any(|word| {
        let word = word.trim_start_matches("./");
        let built = ["dist/", "build/", "out/", "lib/", ".next"];
        let in_built = built.iter().any(|folder| word.starts_with(folder));
        let missing = word.ends_with(".js") && !repository.has(word);
        in_built || missing || word == "dist" || word == "build"
    }) || start.command.value.iter().any(|word| word.ends_with("/next"))
}

fn manager(repository: &Repository) -> &'static str {
    match () {
        () if repository.has("pnpm-lock.yaml") => "pnpm",
        () if repository.has("yarn.lock") => "yarn",
        () => "npm",
    }
}

/// Frameworks whose own command reads another variable.
pub(super) fn port_variable(repository: &Repository) -> Option<Sourced<String>> {
    let package = repository.json("package.json")?;
    let depends = |name: &str| {
        !package["dependencies"][name].is_null() || !package["devDependencies"][name].is_null()
    };
    let uses = |name: &str| package["scripts"]["start"].as_str().is_some_and(|s| s.contains(name));
    (depends("fastify-cli") && uses("fastify start"))
        .then(|| Sourced::new("FASTIFY_PORT".to_owned(), "fastify-cli reads it"))
}
