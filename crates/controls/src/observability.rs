//! What the service says about itself.

pub(crate) mod correlation_ids;
pub(crate) mod error_envelope;
pub(crate) mod error_mapping;
pub(crate) mod metrics;
pub(crate) mod private_logs;
