//! Being started, stopped and watched.

pub(crate) mod startup;
