//! Plans, schedules, runs, stores and judges. Emits events and never prints.

pub mod binding;
pub mod check;
pub mod judge;
pub mod plan;
pub mod run;
pub mod store;

pub use lab::{Edge, Peer};
pub use plan::{Plan, Step, plan};
pub use run::{Proof, ProofError, Proven, prove};
