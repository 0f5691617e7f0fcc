//! HTTP with a client on one connection.

mod adapter;
pub(crate) mod http1;
pub(crate) mod http2;

/// The largest head of a request, and the largest piece of a body, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;
