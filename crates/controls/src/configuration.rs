//! What a service is told before it starts.

pub(crate) mod environment;
