//! Kills the service when seaworthy itself is killed.

use process::Record;
use process::keeper::Keeper;

/// A record of what was started, and the process that carries it out.
#[derive(Debug)]
pub(crate) struct LastWill(Option<(Record, Keeper)>);

impl LastWill {
    /// Begins. There is none for process 1, with which the kernel ends everything, nor where nothing
    /// can be written: a run is not refused for it.
    pub(crate) fn begin() -> Self {
        let me = std::process::id();
        if me == 1 {
            return Self(None);
        }
        let id = format!("run-{me}-{:08x}", fastrand::u32(..));
        let begun = Record::begin(&id).and_then(|record| {
            let keeper = Keeper::start(&std::env::current_exe()?, &record.path())?;
            Ok((record, keeper))
        });
        Self(begun.ok())
    }

    /// What marks every process of this run, so that also one that left the service's tree is found.
    pub(crate) fn mark(&self) -> Option<String> {
        let (record, _) = self.0.as_ref()?;
        Some(format!("{}/service", record.folder().file_name()?.to_str()?))
    }

    /// Adds a service that was started.
    pub(crate) fn add(&self, pid: u32) {
        if let Some((record, _)) = &self.0 {
            // Without it the service is ended by nobody, as without a record.
            let _ = record.process(pid);
        }
    }

    /// Carries it out, when everything has ended already.
    pub(crate) fn finish(self) {
        if let Some((_, keeper)) = self.0 {
            let _ = keeper.finish();
        }
    }
}
