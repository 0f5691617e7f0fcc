//! Plans, schedules, runs, stores and judges. Emits events and never prints.

pub mod binding;
mod build;
pub mod check;
pub mod discover;
pub mod estimate;
mod follow;
pub mod gate;
pub mod judge;
pub mod known;
mod notes;
pub mod plan;
pub mod run;
pub mod session;
pub mod store;
mod suggest;
pub mod timings;

pub use client::Request;
pub use isolation::Tier;
pub use lab::{Edge, Peer, Tls};
pub use plan::{Plan, Step, plan};
pub use run::{Listener, Proof, ProofError, Proven, prove};
pub use session::{Opening, Session, Unconfined};
