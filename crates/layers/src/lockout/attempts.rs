//! How often somebody may try, in numbers: nothing here knows of requests or clocks.

use std::time::Duration;

/// After how many failures what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// From so many failures on, each is followed by a wait: of one second, then two, four, eight.
    pub delay_after: u32,
    /// From so many on, the account is locked.
    pub lock_after: u32,
    /// For so long.
    pub lock: Duration,
    /// After so long without another one, failures are forgotten.
    pub forget: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Self { delay_after: 3, lock_after: 10, lock: minutes(15), forget: minutes(60) }
    }
}

/// What is known of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Attempts {
    failures: u32,
    /// Until when nobody may try, in milliseconds.
    until: u64,
    /// When the last one was, in milliseconds.
    last: u64,
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Patience {
    /// How long nobody may try after so many failures.
    fn wait(&self, failures: u32) -> u64 {
        if failures >= self.lock_after {
            millis(self.lock)
        } else if failures >= self.delay_after {
            1000_u64
                .saturating_mul(2_u64.saturating_pow(failures - self.delay_after))
                .min(millis(self.lock))
        } else {
            0
        }
    }

    /// For the script of a shared store, in its order.
    pub(super) fn arguments(&self) -> Vec<i64> {
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        vec![
            i64::from(self.delay_after),
            i64::from(self.lock_after),
            number(millis(self.lock)),
            number(millis(self.forget)),
        ]
    }
}

impl Attempts {
    /// Somebody tries. That counts as a failure until it is known to be none: many who try at once
    /// would all be let through else.
    ///
    /// # Errors
    /// How long nobody may, in milliseconds.
    pub(super) fn begin(&mut self, patience: &Patience, now: u64) -> Result<(), u64> {
        if now < self.until {
            return Err(self.until - now);
        }
        if now.saturating_sub(self.last.max(self.until)) > millis(patience.forget) {
            *self = Self::default();
        }
        if self.failures >= patience.lock_after {
            // A lock is over: the next failures are waited for again, and lock again.
            self.failures = patience.delay_after.min(patience.lock_after.saturating_sub(1));
        }
        self.failures += 1;
        self.last = now;
        self.until = now + patience.wait(self.failures);
        Ok(())
    }

    /// It was neither right nor wrong.
    pub(super) fn take_back(&mut self) {
        self.failures = self.failures.saturating_sub(1);
        self.until = 0;
    }

    pub(super) fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_then_comes_a_lock_and_it_ends_by_itself() {
        let patience = Patience { lock_after: 6, ..Patience::default() };
        let (mut attempts, mut now, mut waits) = (Attempts::default(), 1_000_000, Vec::new());
        for _ in 0..8 {
            attempts.begin(&patience, now).expect("waited long enough");
            let wait = attempts.begin(&patience, now).err().unwrap_or(0);
            waits.push(wait / 1000);
            if wait == 0 {
                // That was another failure; take it back, to count one by one.
                attempts.take_back();
            }
            now += wait;
        }
        assert_eq!(waits, [0, 0, 1, 2, 4, 900, 2, 4]);
        now += millis(patience.forget) + 10_000;
        attempts.begin(&patience, now).expect("forgotten");
        assert!(attempts.begin(&patience, now).is_ok(), "from the beginning");
    }

    #[test]
    fn who_tries_at_once_is_counted_before_it_is_known_what_comes_of_it() {
        let patience = Patience::default();
        let mut attempts = Attempts::default();
        let passed = (0..50).filter(|_| attempts.begin(&patience, 5_000).is_ok()).count();
        assert_eq!(passed, 3);
        let mut broken = Attempts::default();
        for _ in 0..50 {
            broken.begin(&patience, 5_000).expect("none of them failed");
            broken.take_back();
        }
    }
}
