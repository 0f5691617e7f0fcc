//! Start, signal, supervise, reap and capture processes, and leave none behind.
//!
//! Linux only: whole trees are found through `/proc`.

pub mod files;
pub mod keeper;
pub mod output;
pub mod records;
pub mod service;
pub mod signal;
pub mod sockets;
pub mod spawn;
pub mod tree;

pub use keeper::Keeper;
pub use output::{Line, Stream};
pub use records::Record;
pub use service::Service;
pub use spawn::{Exit, Launch, Process, User};
