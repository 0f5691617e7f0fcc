//! The words of seaworthy, without any I/O: what a control is, what was seen, what was concluded.
//!
//! Nothing here knows a particular control's experiment, a process or a file.

pub mod account;
pub mod answer;
pub mod card;
pub mod catalogue;
mod curl;
pub mod declaration;
pub mod event;
pub mod finding;
pub mod kind;
pub mod observation;
pub mod outcome;
pub mod scorecard;
pub mod verdict;

pub use account::{Account, Need, Tally};
pub use answer::{Answer, Asked};
pub use card::{Applicability, Card, Lane, Reach};
pub use catalogue::{Entry, Family, Risk};
pub use declaration::{Declaration, Suggestion};
pub use event::Event;
pub use finding::{Finding, Severity};
pub use kind::{Classes, Kind, SurfaceClass};
pub use observation::{Observation, Probe, Seen};
pub use outcome::Outcome;
pub use scorecard::{Coverage, Note, Row, Scorecard};
pub use verdict::{Judgement, Ruling, Verdict, conclude};
