//! The drain is a part of every run: see [`crate::run`].

use super::Supply;

pub(super) static SUPPLY: Supply = Supply {
    id: "graceful-shutdown",
    how: "drains before the service is asked to stop (always on)",
    ..Supply::NOTHING
};
