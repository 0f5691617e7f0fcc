//! The ledger: every run with what it was bound to and what it came to, in one SQLite file beside
//! the runs. It outlives their folders, and can be made anew from them.

mod diff;
mod entry;
mod flaky;
mod store;

pub use diff::{Change, Diff, Direction, diff};
pub use entry::{Entry, Found, Held};
pub use flaky::{Flaky, flaky};
pub use store::{Ledger, LedgerError, NAME};
