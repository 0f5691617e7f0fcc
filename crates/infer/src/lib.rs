//! What a repository says of its service, so that `prove` needs no manifest.
//!
//! Files are read, nothing is run and nothing is written. Everything inferred carries where it comes
//! from; [`manifest::text`] makes the manifest of it that `init` writes down. What only a running
//! service shows (its port, its health paths) is [`Seen`] by somebody else.

mod compose;
mod dependencies;
pub mod manifest;
mod migrations;
mod postman;
mod repository;
mod routes;
mod services;
mod start;
mod variables;

use std::path::Path;

pub use dependencies::{Dependency, Kind};
pub use postman::Call;
pub use repository::Repository;
pub use routes::{Field, FieldKind, Route};
pub use services::Service;
pub(crate) use start::python_interpreter;
pub use start::{Stack, Start};
pub use variables::Variable;

/// A value, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    /// In words: `package.json scripts.start`.
    pub from: String,
}

impl<T> Sourced<T> {
    pub fn new(value: T, from: impl Into<String>) -> Self {
        Self { value, from: from.into() }
    }
}

/// What a repository says of its service.
#[derive(Debug, Clone)]
pub struct Inferred {
    pub name: String,
    pub start: Start,
    pub variables: Vec<Variable>,
    pub dependencies: Vec<Dependency>,
    /// The lists of dependencies that were read.
    pub lists: Vec<&'static str>,
    /// Clients of something that the lab cannot start.
    pub unknown_clients: Vec<Sourced<String>>,
    /// Commands that prepare an empty database.
    pub setup: Vec<Sourced<String>>,
    /// A description of the interface in the repository.
    pub document: Option<Sourced<String>>,
    /// Requests of a Postman collection in the repository.
    pub calls: Vec<Call>,
    /// Routes as the source declares them.
    pub routes: Vec<Route>,
}

/// Why nothing could be inferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nothing {
    /// What was looked for.
    pub looked_for: Vec<&'static str>,
    /// Services of which one must be chosen.
    pub services: Vec<Service>,
    /// Processes of a Procfile that serve nobody: only they are there.
    pub workers: Vec<String>,
}

/// What was seen of the running service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// It listens here, whatever it was told.
    pub port: Option<u16>,
    pub ready: Option<String>,
    pub live: Option<String>,
    pub document: Option<String>,
    pub metrics: Option<String>,
    /// Its pages are HTML.
    pub pages: bool,
    /// It tried to reach something outside the lab.
    pub reached_out: bool,
}

/// The services below a folder, of which one is chosen by its name.
pub fn services(root: &Path) -> Vec<Service> {
    services::find(&Repository::read(root))
}

/// Reads a repository. `command` is the start command where the user gave one.
///
/// # Errors
/// When nothing says how the service starts, or several services are there.
pub fn infer(root: &Path, command: Option<&[String]>) -> Result<Inferred, Nothing> {
    let repository = Repository::read(root);
    let start = match command {
        Some(words) => Start::given(&repository, words),
        None => start::find(&repository)?,
    };
    let compose = compose::Compose::read(&repository);
    let compose = compose.as_ref();
    let (dependencies, unknown_clients) = dependencies::find(&repository, &start, compose);
    let variables = variables::find(&repository, &start, &dependencies, compose);
    let setup = migrations::find(&repository, &start, &dependencies);
    let document = repository.first(&[
        "openapi.json",
        "openapi.yaml",
        "openapi.yml",
        "swagger.json",
        "swagger.yaml",
        "docs/openapi.json",
        "docs/openapi.yaml",
        "docs/swagger.json",
        "api/openapi.yaml",
    ]);
    Ok(Inferred {
        name: repository.name(),
        document: document.map(|path| Sourced::new(path.clone(), path)),
        calls: postman::find(&repository),
        routes: routes::find(&repository),
        start,
        variables,
        lists: dependencies::lists(&repository),
        dependencies,
        unknown_clients,
        setup,
    })
}
