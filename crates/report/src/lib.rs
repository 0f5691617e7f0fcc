//! One file for each consumer of a scorecard. Nothing here prints; the command decides where to.

pub mod html;
pub mod json;
pub mod style;
pub mod terminal;
pub mod words;

pub use style::Styles;
