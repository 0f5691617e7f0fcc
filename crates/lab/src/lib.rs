//! Where experiments run: scratch folders, ports, databases and instances of the service.
//!
//! The lab knows no control and concludes nothing; it starts things, breaks things and records.

pub mod audit;
pub mod bench;
mod capacity;
pub mod dependency;
pub mod error;
pub mod fault;
pub mod instance;
pub mod journeys;
mod lab;
mod log_file;
mod obstacle;
pub mod place;
pub mod ports;
pub mod readiness;
pub mod recipe;
pub mod recorder;
pub mod running;
mod secrets;
pub mod shadow;
pub mod site;
pub mod stand_in;
pub mod step;
mod unix_socket;
mod watch;
pub mod workspace;
pub mod world;

pub use bench::Bench;
pub use capacity::Priority;
pub use client::{Peer, Tls};
pub use error::LabError;
pub use instance::Instance;
pub use lab::{Edge, Ground, Lab, Options};
pub use readiness::Readiness;
pub use recipe::Mutation;
pub use recorder::{Recorder, TrialLog};
pub use running::{Running, WAITED};
pub use site::Site;
pub use stand_in::StandIn;
pub use workspace::Workspace;
pub use world::World;
