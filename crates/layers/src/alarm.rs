//! Timers that are used again. To arm and disarm one for each request would cost more than most of
//! what is done with the request; so a timer that was not needed stays armed and waits for the next
//! request. It may ring before that one's time, and is then set anew.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

type Timer = Pin<Box<Sleep>>;

/// Keeps one timer between two uses. Clones keep the same one.
#[derive(Debug, Clone, Default)]
pub struct Alarms(Arc<Mutex<Option<Timer>>>);

impl Alarms {
    /// An alarm at this time.
    pub fn at(&self, at: Instant) -> Alarm {
        Alarm { at, timer: None, home: self.clone() }
    }

    fn spare(&self) -> MutexGuard<'_, Option<Timer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A future that is ready at a time.
#[derive(Debug)]
pub struct Alarm {
    at: Instant,
    timer: Option<Timer>,
    home: Alarms,
}

impl Alarm {
    /// Moves it to another time.
    pub fn reset(&mut self, at: Instant) {
        self.at = at;
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        let own = self.timer.take();
        let mut timer =
            own.or_else(|| self.home.spare().take()).unwrap_or_else(|| Box::pin(sleep_until(at)));
        // Too early does no harm, too late would.
        if timer.deadline() > at || timer.is_elapsed() {
            timer.as_mut().reset(at);
        }
        loop {
            if timer.as_mut().poll(context).is_pending() {
                self.timer = Some(timer);
                return Poll::Pending;
            }
            if Instant::now() >= at {
                self.timer = Some(timer);
                return Poll::Ready(());
            }
            timer.as_mut().reset(at);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            *self.home.spare() = Some(timer);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_timer_that_is_used_again_rings_neither_early_nor_late() {
        let alarms = Alarms::default();
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        // Not waited for to its end, so it stays armed for 50.
        let dropped = tokio::time::timeout(Duration::from_millis(5), alarms.at(after(50)));
        assert!(dropped.await.is_err());
        assert!(alarms.spare().is_some());
        for at in [200, 20, 20, 300] {
            let at = Instant::now().max(after(at));
            alarms.at(at).await;
            let late = Instant::now() - at;
            assert!(late <= Duration::from_millis(1), "{late:?}");
        }
        let mut moved = alarms.at(after(10_000));
        moved.reset(after(400));
        moved.await;
        assert!(Instant::now() < after(500));
    }
}
