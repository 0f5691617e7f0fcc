//! What is going on when the signal comes.

use std::time::Duration;

use lab::TrialLog;
use model::Seen;
use settings::Span;

use super::clients::{BUSY_CLIENTS, MANY_CLIENTS, NEWCOMERS};
use super::{BUSY, HELD, MANY, PID_1, QUIET};

/// The names of the facts that a round is told by.
pub(super) const FACT_HELD: &str = "held for milliseconds";
pub(super) const FACT_IN_FLIGHT: &str = "requests in flight";
pub(super) const FACT_BUSY: &str = "busy clients";
/// How many requests are in flight where there are several.
pub(super) const SEVERAL: usize = 3;

/// One stop.
pub(super) struct Round {
    pub(super) method: &'static str,
    /// How long what is in flight is held after the signal.
    pub(super) held: Duration,
    pub(super) in_flight: usize,
    pub(super) busy: usize,
    /// How long new clients come after the signal.
    pub(super) newcomers: Duration,
}

impl Round {
    /// A few busy clients; then nobody else, and a long hold, for as long as a drain is promised;
    /// then many clients and, where it takes them, several requests. Further rounds repeat the first two, held shortly.
    pub(super) fn of(number: u32, long: Duration, drain: Option<Span>, several: bool) -> Self {
        let one =
            |method, busy| Self { method, held: HELD, in_flight: 1, busy, newcomers: NEWCOMERS };
        match number {
            2 => {
                let drain = drain.map_or(NEWCOMERS, |drain| drain.0);
                Self { held: long, newcomers: NEWCOMERS.max(drain), ..one(QUIET, 0) }
            }
            3 => {
                let in_flight = if several { SEVERAL } else { 1 };
                Self { in_flight, ..one(MANY, MANY_CLIENTS) }
            }
            odd if odd % 2 == 1 => one(BUSY, BUSY_CLIENTS),
            _ => one(QUIET, 0),
        }
    }

    pub(super) fn as_process_1() -> Self {
        Self { method: PID_1, held: HELD, in_flight: 1, busy: 0, newcomers: NEWCOMERS }
    }

    pub(super) fn record(&self, trial: &TrialLog) {
        let held = i64::try_from(self.held.as_millis()).unwrap_or(i64::MAX);
        for (name, value) in [
            (FACT_HELD, held),
            (FACT_IN_FLIGHT, i64::try_from(self.in_flight).unwrap_or(i64::MAX)),
            (FACT_BUSY, i64::try_from(self.busy).unwrap_or(i64::MAX)),
        ] {
            trial.saw(Seen::Fact { name: name.to_owned(), about: String::new(), value });
        }
    }
}
