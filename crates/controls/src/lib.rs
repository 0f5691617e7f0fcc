//! The catalogue: every control that can be tried, one file each.
//!
//! A control measures (`prove` drives the bench and only observes) and concludes (`judge`, a pure
//! function of the manifest and the observations); the two never meet.

mod business;
mod configuration;
mod control;
mod dependencies;
mod lifecycle;
pub mod trials;

pub use control::{Applies, Control};

/// Every control that is built, in the order of the documentation.
pub const CONTROLS: &[&dyn Control] = &[
    &lifecycle::startup::Startup,
    &lifecycle::graceful_shutdown::GracefulShutdown,
    &lifecycle::liveness::Liveness,
    &lifecycle::readiness::Readiness,
    &configuration::environment::Environment,
    &dependencies::dependency_outage::DependencyOutage,
];

/// The control with this id.
pub fn find(id: &str) -> Option<&'static dyn Control> {
    CONTROLS.iter().copied().find(|control| control.card().id == id)
}

#[cfg(test)]
mod tests;
