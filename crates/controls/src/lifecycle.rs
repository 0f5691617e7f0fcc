//! Being started, stopped and watched.

pub(crate) mod graceful_shutdown;
pub(crate) mod health_report;
pub(crate) mod liveness;
pub(crate) mod readiness;
pub(crate) mod startup;
