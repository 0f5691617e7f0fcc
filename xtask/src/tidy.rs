//! What a formatter and a compiler do not see: sizes, words, licences.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::root;

/// Lines of a file, tests left out.
const LONGEST_FILE: usize = 500;
/// Lines of a function.
const LONGEST_FUNCTION: usize = 80;
const LICENCES: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "ISC",
    "CDLA-Permissive-2.0",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "Unlicense",
    "MIT-0",
];

pub(crate) fn check() -> Result<String, String> {
    let mut wrong = Vec::new();
    let files = sources(&root());
    for path in &files {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        wrong.extend(untidy(path, &text));
    }
    wrong.extend(crate::promises::differing());
    wrong.extend(crate::causes::unlisted()?);
    let packages = licences(&mut wrong)?;
    match wrong.as_slice() {
        [] => Ok(format!("{} files and {packages} packages are tidy", files.len())),
        _ => Err(wrong.join("\n")),
    }
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&&*name)
        {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn untidy(path: &Path, text: &str) -> Vec<String> {
    let shown = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let mut wrong = Vec::new();
    let is_test = shown.contains("tests");
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    let lines = code.lines().count();
    if lines > LONGEST_FILE && !is_test {
        wrong.push(format!("{shown}: {lines} lines without tests; one idea per file"));
    }
    for (name, line, length) in functions(code).into_iter().filter(|f| f.2 > LONGEST_FUNCTION) {
        wrong
            .push(format!("{shown}:{line}: {name} has {length} lines, at most {LONGEST_FUNCTION}"));
    }
    // Written so that this file does not find itself.
    for word in [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[", "allow("),
        concat!("#[", "ignore"),
    ] {
        if let Some(at) = text.lines().position(|line| line.contains(word)) {
            wrong.push(format!("{shown}:{}: {word}", at + 1));
        }
    }
    let public = path.ends_with("lib.rs") || path.ends_with("main.rs");
    if public && !text.starts_with("//!") {
        wrong.push(format!("{shown}: a crate begins with what it is for"));
    }
    wrong
}

/// Name, line and length of each function, by indentation, which rustfmt guarantees.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let lines: Vec<_> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        let Some((before, rest)) = body.split_once("fn ") else { continue };
        let is_function = before.split_whitespace().all(|word| {
            ["pub", "pub(crate)", "pub(super)", "async", "const", "unsafe"].contains(&word)
        });
        if !is_function {
            continue;
        }
        let end = format!("{}}}", " ".repeat(indent));
        let length = lines[at..].iter().position(|line| *line == end).map_or(1, |end| end + 1);
        let name = rest.split(['(', '<']).next().unwrap_or_default();
        found.push((name.to_owned(), at + 1, length));
    }
    found
}

/// Every dependency carries a licence that ours allows.
fn licences(wrong: &mut Vec<String>) -> Result<usize, String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .map_err(|error| format!("cannot run cargo metadata: {error}"))?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    for package in &packages {
        let licence = package["license"].as_str().unwrap_or("none");
        let alternatives = licence.replace('/', " OR ").replace(['(', ')'], "");
        let allowed = alternatives
            .split(" OR ")
            .any(|one| one.split(" AND ").all(|part| LICENCES.contains(&part.trim())));
        if !allowed {
            wrong.push(format!("{}: licence {licence} is not on the list", package["name"]));
        }
    }
    Ok(packages.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_files_and_functions_are_found() {
        let long = format!("fn a() {{\n{}}}\n", "    x();\n".repeat(90));
        assert_eq!(functions(&long), [("a".to_owned(), 1, 92)]);
        let found = untidy(Path::new("a.rs"), &long);
        assert!(found[0].contains("a has 92 lines"), "{found:?}");
        let file = "x;\n".repeat(501);
        assert_eq!(untidy(Path::new("a.rs"), &file).len(), 1);
        assert!(untidy(Path::new("tests/a.rs"), &file).is_empty());
    }

    #[test]
    fn the_repository_is_tidy() {
        if let Err(wrong) = check() {
            panic!("{wrong}");
        }
    }
}
