//! How the service is started: the command, the step that builds it, and how it learns its port.

mod container;
mod go;
mod java;
mod node;
mod php;
mod python;
mod ruby;
mod rust;
mod words;

pub(crate) use node::script_words;
pub(crate) use python::interpreter as python_interpreter;
pub(crate) use words::on_path;

use crate::repository::Repository;
use crate::{Nothing, Sourced, services};

/// What a service is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stack {
    Node,
    Python,
    Go,
    Java,
    Rust,
    Ruby,
    Php,
    Unknown,
}

/// How the service is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    pub stack: Stack,
    /// Words; `{port}` and `{host}` stand where they are filled in.
    pub command: Sourced<Vec<String>>,
    pub build: Option<Sourced<String>>,
    /// The variable that carries the port, where the command does not.
    pub port: Option<Sourced<String>>,
    /// It was started by a package manager or a shell, and now is not.
    pub unwrapped: bool,
}

impl Start {
    fn new(stack: Stack, command: Vec<String>, from: impl Into<String>) -> Self {
        let command = Sourced::new(command, from);
        Self { stack, command, build: None, port: None, unwrapped: false }
    }

    /// A command that the user gave runs as it was given.
    pub fn given(repository: &Repository, words: &[String]) -> Self {
        let stack = of_repository(repository);
        let start = Self::new(stack, words.to_vec(), "the command line");
        start.with_port(repository)
    }

    fn carries_port(&self) -> bool {
        self.command.value.iter().any(|word| word.contains("{port}"))
    }

    /// The variable that carries the port, unless the command does: the stack's own, one that the
    /// source reads, or the usual one.
    fn with_port(mut self, repository: &Repository) -> Self {
        if self.carries_port() {
            return self;
        }
        let own = match self.stack {
            Stack::Java => java::port_variable(repository),
            Stack::Node => node::port_variable(repository),
            _ => None,
        };
        let read = || {
            let names = ["PORT", "HTTP_PORT", "SERVER_PORT", "APP_PORT", "API_PORT", "LISTEN_PORT"];
            names.into_iter().find_map(|name| {
                let quoted = format!("\"{name}\"");
                let is_read = |text: &str| {
                    text.contains(&quoted)
                        || text.contains(&format!("'{name}'"))
                        || text.contains(&format!("env.{name}"))
                };
                let file = repository.source().iter().find(|(_, text)| is_read(text))?;
                Some(Sourced::new(name.to_owned(), format!("{} reads it", file.0)))
            })
        };
        self.port =
            own.or_else(read).or_else(|| Some(Sourced::new("PORT".to_owned(), "the usual name")));
        self
    }
}

/// Finds how the service starts: a container's command first, then a Procfile, then what is usual
/// in its language.
///
/// # Errors
/// When nothing says it.
pub(crate) fn find(repository: &Repository) -> Result<Start, Nothing> {
    let ways: [fn(&Repository) -> Option<Start>; 9] = [
        container::find,
        node::find,
        python::find,
        go::find,
        java::find,
        rust::find,
        ruby::find,
        php::find,
        container::of_procfile,
    ];
    if let Some(start) = ways.iter().find_map(|way| way(repository)) {
        return Ok(start.with_port(repository));
    }
    Err(Nothing {
        looked_for: vec![
            "Dockerfile",
            "Procfile",
            "package.json",
            "manage.py",
            "pyproject.toml",
            "requirements.txt",
            "go.mod",
            "pom.xml",
            "build.gradle",
            "Cargo.toml",
            "Gemfile",
            "config.ru",
            "composer.json",
        ],
        services: services::find(repository),
        workers: container::workers(repository),
    })
}

fn of_repository(repository: &Repository) -> Stack {
    let marks = [
        ("package.json", Stack::Node),
        ("go.mod", Stack::Go),
        ("pom.xml", Stack::Java),
        ("build.gradle", Stack::Java),
        ("build.gradle.kts", Stack::Java),
        ("manage.py", Stack::Python),
        ("requirements.txt", Stack::Python),
        ("pyproject.toml", Stack::Python),
        ("Cargo.toml", Stack::Rust),
        ("Gemfile", Stack::Ruby),
        ("config.ru", Stack::Ruby),
        ("composer.json", Stack::Php),
    ];
    let found = marks.iter().find(|(mark, _)| repository.has(mark));
    found.map_or(Stack::Unknown, |(_, stack)| *stack)
}
