//! How many instances there may be at once, and which of them matter more.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whether an experiment judges time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// It does: its instances come first.
    Foreground,
    /// It does not: its instances leave the processor to others.
    Background,
}

impl Priority {
    /// The nice value of its processes. Of a processor that both want, who is in the background gets
    /// a quarter.
    pub(crate) fn nice(self) -> i32 {
        match self {
            Self::Foreground => 0,
            Self::Background => 5,
        }
    }
}

/// So many instances may live for each that may be starting: most of them only wait.
const WAITING: usize = 4;

/// Starting takes the processor, living takes memory.
#[derive(Debug)]
struct Share {
    starting: Arc<Semaphore>,
    living: Arc<Semaphore>,
}

impl Share {
    fn of(jobs: usize, living: usize) -> Self {
        Self { starting: Arc::new(Semaphore::new(jobs)), living: Arc::new(Semaphore::new(living)) }
    }
}

/// What the machine bears. Those in the foreground do not wait for those in the background.
#[derive(Debug)]
pub(crate) struct Capacity {
    foreground: Share,
    /// `None`: all share one.
    background: Option<Share>,
}

/// An instance's share of the machine.
#[derive(Debug)]
pub(crate) struct Slot {
    _living: Option<OwnedSemaphorePermit>,
}

impl Capacity {
    /// So many may be starting in each of the two.
    pub(crate) fn of(jobs: usize) -> Self {
        let share = || Share::of(jobs, jobs * WAITING);
        Self { foreground: share(), background: Some(share()) }
    }

    /// A single instance: there is one port, or one dependency that all would share.
    pub(crate) fn one() -> Self {
        Self { foreground: Share::of(1, 1), background: None }
    }

    fn share(&self, priority: Priority) -> &Share {
        let background = self.background.as_ref().filter(|_| priority == Priority::Background);
        background.unwrap_or(&self.foreground)
    }

    /// Waits until one more may live.
    pub(crate) async fn may_live(&self, priority: Priority) -> Slot {
        let living = Arc::clone(&self.share(priority).living);
        Slot { _living: living.acquire_owned().await.ok() }
    }

    /// Waits until one more may start.
    pub(crate) async fn may_start(&self, priority: Priority) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.share(priority).starting).acquire_owned().await.ok()
    }
}
