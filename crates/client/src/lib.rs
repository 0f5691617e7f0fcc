//! HTTP/1.1 connections of our own, which record what happened on the wire and never retry.
//!
//! An ordinary client hides what a proof needs to see: it retries, pools, and folds "refused",
//! "reset" and "closed before a byte" into one error.

pub mod connection;
pub mod exchange;
pub mod message;
pub mod old_tls;
mod parse;
pub mod peer;
pub mod wire;

pub use connection::{Connection, NotConnected};
pub use exchange::{End, Exchange, once};
pub use message::{Request, Response};
pub use peer::Peer;
