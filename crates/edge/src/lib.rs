//! The edge of `seaworthy run`: it starts and supervises a service, and stands before it.
//!
//! A request goes listen → stack → service → stack → answer; [`stack`] shows the whole order and the
//! reason of each place. A life goes check → start → ready → listen → drain → stop → exit; [`run`]
//! shows it.

mod acme;
pub mod admin;
mod answer;
mod assembly;
mod callers;
mod client_timeout;
mod config;
mod conversation;
mod dependency;
mod descriptors;
mod diagnose_start;
mod fetch;
mod fields;
mod handover;
mod ingress_check;
mod lines;
mod lingering;
mod listen;
mod orphan_keeper;
mod outage;
mod output;
mod own_paths;
mod proxy;
mod proxy_protocol;
mod redirect;
mod redis_store;
mod reload;
mod run;
pub mod secrets;
mod shared;
mod signals;
mod socket;
mod stack;
mod stopping;
mod streams;
mod supervisor;
pub mod supply;
mod timer;
mod tls;
mod tokens;
mod tunnels;
mod upstream;
mod websocket;
mod worker;
mod workers;

pub use config::{Address, Config, Drain, Life, Problem, Supplied, TlsConfig, TokenConfig};
pub use listen::free_port;
pub use reload::Reread;
pub use run::{Ended, run};
pub use tls::CertificateFiles;
