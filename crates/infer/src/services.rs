//! The services of a monorepo, by their folders and names.

use crate::compose::Compose;
use crate::repository::Repository;

/// A folder below the root that holds a service of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What it is called: its name in a Compose file, or its folder's.
    pub name: String,
    /// Its folder, from the root.
    pub folder: String,
}

/// What makes a folder one of a service.
const MARKS: [&str; 9] = [
    "package.json",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "Cargo.toml",
    "requirements.txt",
    "pyproject.toml",
    "Gemfile",
    "composer.json",
];
/// Where the services of a monorepo usually stand.
const PARENTS: [&str; 6] = ["", "apps/", "services/", "packages/", "backend/", "cmd/"];

pub(crate) fn find(repository: &Repository) -> Vec<Service> {
    let has_service =
        |folder: &str| MARKS.iter().any(|mark| repository.has(&format!("{folder}/{mark}")));
    let mut found: Vec<Service> = Vec::new();
    let mut add = |name: &str, folder: String| {
        if !found.iter().any(|known| known.folder == folder) {
            found.push(Service { name: name.to_owned(), folder });
        }
    };
    if let Some(compose) = Compose::read(repository) {
        for (name, folder) in compose.built() {
            if !folder.is_empty() && !folder.starts_with("..") && repository.has(&folder) {
                add(name, folder);
            }
        }
    }
    for parent in PARENTS {
        for name in repository.list(parent.trim_end_matches('/')) {
            let folder = format!("{parent}{name}");
            if !name.starts_with('.') && name != "node_modules" && has_service(&folder) {
                add(&name, folder);
            }
        }
    }
    found
}
