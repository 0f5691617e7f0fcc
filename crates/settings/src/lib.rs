//! The manifest `seaworthy.toml`: one type is manifest, schema, reference and promise.
//!
//! Pure: text in, settings or mistakes out. Nothing here opens a file or a socket.

pub mod address;
pub mod authentication;
pub mod controls;
pub mod data;
pub mod dependency;
pub mod duration;
pub mod environment;
pub mod exceptions;
pub mod gates;
pub mod identities;
pub mod journey;
pub mod limits;
pub mod manifest;
pub mod parse;
pub mod probe;
pub mod reference;
pub mod release;
pub mod service;
pub mod size;
pub mod supply;
pub mod surface;
pub mod template;
pub mod tokens;
pub mod upstreams;

pub use dependency::{Dependency, DependencyKind};
pub use duration::Span;
pub use environment::{Expectation, Variable, VariableType, Via, truth};
pub use manifest::Manifest;
pub use parse::{Mistake, Origin, Parsed, parse};
pub use probe::Probe;
pub use service::{Command, Port, Service};
pub use size::Size;
pub use supply::{Restart, Supply};
pub use surface::{Serves, Surface};
