//! Why the lab could not do what it was asked for.

use std::path::PathBuf;

/// Each says what was expected, what was found and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    #[error("cannot find the program {program} of service.{key}, expected it {looked}")]
    NoProgram { key: &'static str, program: String, looked: String },
    #[error(
        "{place} names the host {host}, which is outside the lab; use a placeholder such as \
         {{database.url}}, a reserved name such as example.com, or say mentioned_only = true if \
         the service never connects to it"
    )]
    NamesOutside { place: String, host: String },
    /// `step` is its section: `set-up`, `reset`, `after_ready`, `build`.
    #[error("the {step} step `{command}` failed: {outcome}\n{output}")]
    StepFailed { step: &'static str, command: String, outcome: String, output: String },
    #[error("the lab cannot start {what}: {why}; install it with `{install}`")]
    CannotProvide { what: String, why: String, install: &'static str },
    #[error("{what} did not work: {why}")]
    Dependency { what: String, why: String },
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the journey {name} ({file}) cannot be used: {why}")]
    Journey { name: String, file: String, why: String },
    #[error(transparent)]
    Isolation(#[from] isolation::IsolationError),
    #[error("no free port between {from} and {to}")]
    NoPort { from: u16, to: u16 },
    #[error("port {0} is fixed in the manifest and someone else is using it; stop that program")]
    PortTaken(u16),
}

impl LabError {
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }

    /// Whether a change of the manifest or of the machine would mend it, rather than of seaworthy.
    pub fn is_the_users(&self) -> bool {
        !matches!(self, Self::File { .. } | Self::NoPort { .. } | Self::Isolation(_))
    }
}
