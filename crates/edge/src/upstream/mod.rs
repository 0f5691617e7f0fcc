//! Speaking HTTP/1.1 to the service behind the edge, or HTTP/2 where it wants that.
//!
//! A general client hands each request to a task of its connection and the answer back; here the
//! connection is driven by the very task that answers the client, which halves what the edge itself
//! costs. Parsing is httparse's; the rest follows RFC 9112. What is ambiguous in an answer is not
//! passed on.

mod body;
mod connection;
mod exchange;
mod framing;
mod head;
mod http2;
mod pool;
mod sending;

pub(crate) use body::Reply;
pub(crate) use exchange::{Exchange, Replied};
pub(crate) use pool::Pool;

/// The body of a request on its way to the service.
pub(crate) type Outgoing = layers::TimedBody<layers::Bounded<crate::lingering::Lingering>>;
