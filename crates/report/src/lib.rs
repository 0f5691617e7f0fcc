//! One file for each consumer of a scorecard. Nothing here prints; the command decides where to.

pub mod badge;
pub mod github;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod place;
pub mod readiness;
pub mod sarif;
pub mod style;
pub mod terminal;
pub mod words;

pub use place::Place;
pub use style::Styles;
