//! User paths in `.hurl` files (a documented subset of <https://hurl.dev>'s format).
//!
//! What is not supported is named at its line. A journey runs on the bench's own client, so that
//! what happens on the wire is seen.

pub mod cookies;
pub mod parse;
pub mod query;
pub mod walk;

pub use parse::{Entry, Journey, Mistake};
pub use walk::{Walk, WalkError};
