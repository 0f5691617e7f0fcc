//! The files of a repository, as far as they say something: no dependency's code, nothing built.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold nobody's own source.
const NOT_OWN: &[&str] = &[
    "node_modules",
    "target",
    "vendor",
    "dist",
    "build",
    "out",
    "venv",
    "__pycache__",
    "coverage",
    "test",
    "tests",
    "spec",
    "__tests__",
    "examples",
    "docs",
    "migrations",
    "bower_components",
];
/// What is read of source at most.
const FILES: usize = 2000;
const LARGEST: u64 = 512 * 1024;
const DEPTH: usize = 8;
const CODE: &[&str] = &[
    "js",
    "mjs",
    "cjs",
    "ts",
    "mts",
    "py",
    "go",
    "java",
    "kt",
    "rs",
    "rb",
    "ru",
    "php",
    "properties",
    "yml",
    "yaml",
    "prisma",
];

/// A repository that is looked into.
#[derive(Debug)]
pub struct Repository {
    root: PathBuf,
    source: OnceCell<Vec<(String, String)>>,
}

impl Repository {
    pub fn read(root: &Path) -> Self {
        let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
        Self { root, source: OnceCell::new() }
    }

    /// The folder's name as that of a service.
    pub fn name(&self) -> String {
        let name = self.root.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let name: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let name = name.trim_matches('-').to_owned();
        if name.is_empty() { "service".to_owned() } else { name }
    }

    /// A file's text; `None` when there is none that can be read.
    pub fn text(&self, path: &str) -> Option<String> {
        let path = self.root.join(path);
        let small = fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST);
        small.then(|| fs::read_to_string(&path).ok()).flatten()
    }

    pub fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The first of these paths that is there.
    pub fn first(&self, paths: &[&str]) -> Option<String> {
        paths.iter().find(|path| self.has(path)).map(|path| (*path).to_owned())
    }

    pub fn json(&self, path: &str) -> Option<serde_json::Value> {
        serde_json::from_str(&self.text(path)?).ok()
    }

    pub fn toml(&self, path: &str) -> Option<toml_edit::DocumentMut> {
        self.text(path)?.parse().ok()
    }

    /// The names in a folder, in order.
    pub fn list(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.root.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The service's own source: paths and texts.
    pub fn source(&self) -> &[(String, String)] {
        self.source.get_or_init(|| {
            let mut found = Vec::new();
            self.walk(&self.root, 0, &mut found);
            found
        })
    }

    fn walk(&self, folder: &Path, depth: usize, found: &mut Vec<(String, String)>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if found.len() >= FILES || name.starts_with('.') {
                continue;
            }
            let is_link = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_symlink());
            if path.is_dir() {
                if depth < DEPTH && !is_link && !NOT_OWN.contains(&name.as_str()) {
                    self.walk(&path, depth + 1, found);
                }
                continue;
            }
            let is_code = name.rsplit_once('.').is_some_and(|(_, end)| CODE.contains(&end));
            let relative = path.strip_prefix(&self.root).unwrap_or(&path);
            let relative = relative.to_string_lossy().into_owned();
            if is_code && let Some(text) = self.text(&relative) {
                found.push((relative, text));
            }
        }
    }
}
