//! Keeps what a run starts away from the user's files, databases and network.
//!
//! The strongest tier that the system allows is used ([`Tier`]). With namespaces, seaworthy itself
//! moves into a mount namespace in which every file system is copy-on-write and into a network
//! namespace that has a loopback interface of its own and no way out; whatever it starts inherits
//! both. With Landlock, what it starts may write only to the run's folder. Nothing here knows a
//! manifest or a control.

pub mod confinement;
pub mod egress;
mod landlock_rules;
mod launcher;
mod mounts;
mod namespaces;
pub mod outside;
pub mod overlay;
mod system;
mod tier;

pub use confinement::{Confinement, Request};
pub use egress::Attempt;
pub use launcher::{Bind, LaunchPlan, REFUSED, WORD, serve as serve_launcher};
pub use namespaces::needs_user_namespace;
pub use outside::Outside;
pub use overlay::Overlay;
pub use tier::{PROBE, Tier, probe, serve_probe};

/// Why something could not be kept apart.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action}: {source}")]
pub struct IsolationError {
    pub action: String,
    pub source: std::io::Error,
}

impl IsolationError {
    /// Names what was being done when an error came up.
    pub(crate) fn doing<E: Into<std::io::Error>>(
        action: impl Into<String>,
    ) -> impl FnOnce(E) -> Self {
        let action = action.into();
        move |source| Self { action, source: source.into() }
    }
}
