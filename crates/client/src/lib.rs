//! HTTP/1.1 connections of our own, which record what happened on the wire and never retry.
//!
//! An ordinary client hides what a proof needs to see: it retries, pools, and folds "refused",
//! "reset" and "closed before a byte" into one error.

pub mod connection;
pub mod exchange;
pub mod message;
pub mod not_connected;
pub mod old_tls;
mod once;
mod parse;
pub mod peer;
pub mod wire;

pub use connection::Connection;
pub use exchange::{End, Exchange};
pub use message::{Request, Response};
pub use not_connected::NotConnected;
pub use once::once;
pub use peer::{Peer, Tls};
