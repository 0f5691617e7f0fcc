//! What a service is told before it starts.

pub(crate) mod environment;
pub(crate) mod feature_flags;
pub(crate) mod kill_switches;
