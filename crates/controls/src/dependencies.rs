//! What a service needs from others, and how it does without.

pub(crate) mod dependency_outage;
