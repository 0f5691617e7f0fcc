//! How many instances there may be at once, and which of them matter more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

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

/// So many instances of each priority may live for each that may be starting: most of them only
/// wait.
const WAITING: usize = 4;

/// What the machine bears. Starting takes the processor, living takes memory.
#[derive(Debug, Clone)]
pub(crate) struct Capacity {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// So many may be starting.
    jobs: usize,
    /// One instance lives at a time.
    takes_turns: bool,
    starting: usize,
    living: [usize; 2],
    /// Those in the foreground that wait for a start: no other start is begun before theirs.
    waiting: usize,
}

/// What is held of the capacity.
#[derive(Debug, Clone, Copy)]
enum Held {
    Start,
    Life(Priority),
    Wait,
}

/// A part of the capacity, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
    held: Held,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `take` takes something.
    async fn until(self: &Arc<Self>, held: Held, take: impl Fn(&mut State) -> bool) -> Permit {
        loop {
            // Asked for before the state is looked at, so that no change is missed.
            let changed = self.changed.notified();
            if take(&mut self.state()) {
                return Permit { shared: Arc::clone(self), held };
            }
            changed.await;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        match self.held {
            Held::Start => state.starting -= 1,
            Held::Life(priority) => state.living[priority as usize] -= 1,
            Held::Wait => state.waiting -= 1,
        }
        drop(state);
        self.shared.changed.notify_waiters();
    }
}

impl Capacity {
    /// So many may be starting.
    pub(crate) fn of(jobs: usize) -> Self {
        let state = State { jobs, takes_turns: false, starting: 0, living: [0; 2], waiting: 0 };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }) }
    }

    /// From now on one instance lives at a time: there is one port, or something that all would
    /// share.
    pub(crate) fn take_turns(&self) {
        self.shared.state().takes_turns = true;
    }

    /// Waits until one more may live.
    pub(crate) async fn may_live(&self, priority: Priority) -> Permit {
        let take = |state: &mut State| {
            let all: usize = state.living.iter().sum();
            let own = state.living[priority as usize];
            let free = if state.takes_turns { all == 0 } else { own < state.jobs * WAITING };
            state.living[priority as usize] += usize::from(free);
            free
        };
        self.shared.until(Held::Life(priority), take).await
    }

    /// Waits until one more may start. Those in the foreground do not wait for those in the
    /// background that came before them.
    pub(crate) async fn may_start(&self, priority: Priority) -> Permit {
        let is_first = priority == Priority::Foreground;
        let _waiting = is_first.then(|| {
            self.shared.state().waiting += 1;
            Permit { shared: Arc::clone(&self.shared), held: Held::Wait }
        });
        let take = |state: &mut State| {
            let free = state.starting < state.jobs && (is_first || state.waiting == 0);
            state.starting += usize::from(free);
            free
        };
        self.shared.until(Held::Start, take).await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn waits<T>(future: impl Future<Output = T>) -> bool {
        tokio::time::timeout(Duration::from_millis(30), future).await.is_err()
    }

    #[tokio::test]
    async fn starts_in_the_foreground_come_first() {
        let capacity = Capacity::of(1);
        let first = capacity.may_start(Priority::Background).await;
        let (one, other) = (capacity.clone(), capacity.clone());
        let background = tokio::spawn(async move { one.may_start(Priority::Background).await });
        tokio::time::sleep(Duration::from_millis(10)).await;
        let foreground = tokio::spawn(async move { other.may_start(Priority::Foreground).await });
        tokio::time::sleep(Duration::from_millis(10)).await;
        drop(first);
        let permit = foreground.await.expect("it is let in");
        assert!(!background.is_finished());
        drop(permit);
        drop(background.await.expect("then the other is"));
    }

    #[tokio::test]
    async fn who_takes_turns_lives_alone() {
        let capacity = Capacity::of(2);
        let one = capacity.may_live(Priority::Background).await;
        let other = capacity.may_live(Priority::Foreground).await;
        capacity.take_turns();
        assert!(waits(capacity.may_live(Priority::Foreground)).await);
        drop((one, other));
        let _alone = capacity.may_live(Priority::Background).await;
        assert!(waits(capacity.may_live(Priority::Foreground)).await);
    }
}
