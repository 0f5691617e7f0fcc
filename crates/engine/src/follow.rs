//! The run's events as lines of a file, for whoever follows it while it runs.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use model::Event;
use model::event::Told;
use redact::Redactor;

/// Writes `events.ndjson`.
pub(crate) struct Follower {
    run: String,
    zero: Instant,
    redactor: Redactor,
    written: Mutex<(u64, Option<File>)>,
}

impl Follower {
    pub(crate) fn new(run: &str, zero: Instant, redactor: Redactor) -> Self {
        Self { run: run.to_owned(), zero, redactor, written: Mutex::new((0, None)) }
    }

    /// From now on events are written here. Those of before were about setting up.
    pub(crate) fn write_to(&self, file: File) {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).1 = Some(file);
    }

    /// Numbers an event and writes it. A full disk is noticed when the run is stored.
    pub(crate) fn tell(&self, event: &Event) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.0 += 1;
        let at_us = u64::try_from(self.zero.elapsed().as_micros()).unwrap_or(u64::MAX);
        let told = Told { run: self.run.clone(), sequence: written.0, at_us, event: event.clone() };
        let Some(file) = &mut written.1 else { return };
        if let Ok(mut value) = serde_json::to_value(&told) {
            self.redactor.mask_json(&mut value);
            let _ = writeln!(file, "{value}");
        }
    }
}
