//! The terminal: live while it runs, the scorecard at the end.

mod findings;
mod live;
mod scorecard;

pub use live::Live;
pub use scorecard::scorecard;
