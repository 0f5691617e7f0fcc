//! Where an instance's things go: a numbered folder, a mark for its processes, leased ports.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use process::Record;

use crate::error::LabError;
use crate::ports::{self, Lease};

/// A numbered place within a run.
#[derive(Debug, Clone)]
pub struct Place {
    record: Arc<Record>,
    run: String,
    number: u32,
    counter: Arc<AtomicU32>,
}

impl Place {
    /// The first place of a run.
    pub fn first(record: Arc<Record>, run: &str) -> Self {
        Self { record, run: run.to_owned(), number: 0, counter: Arc::new(AtomicU32::new(0)) }
    }

    /// A place of one's own.
    #[must_use]
    pub fn next(&self) -> Self {
        let number = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        Self { number, ..self.clone() }
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn record(&self) -> &Record {
        &self.record
    }

    /// A folder of this place; it is not made yet.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.record.folder().join(format!("{}-{name}", self.number))
    }

    /// The mark that its processes carry.
    pub fn mark(&self) -> String {
        format!("{}/{}", self.run, self.number)
    }

    /// A free port.
    ///
    /// # Errors
    /// When none is free.
    pub fn port(&self) -> Result<Lease, LabError> {
        ports::lease(self.base())
    }

    /// This very port.
    ///
    /// # Errors
    /// When someone else uses it.
    pub fn fixed_port(&self, port: u16) -> Result<Lease, LabError> {
        ports::lease_fixed(self.base(), port)
    }

    /// The folder that holds the folders of all runs.
    pub(crate) fn base(&self) -> &std::path::Path {
        let folder = self.record.folder();
        folder.parent().unwrap_or(folder)
    }
}
