//! Who may see what.

pub(crate) mod exposure;
