//! How many in how long, by the generic cell rate algorithm (GCRA; ITU-T I.371): a window that
//! slides, in one number for each key.

use std::str::FromStr;
use std::time::Duration;

/// So many in such a window: `100/min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub count: u32,
    pub window: Duration,
    /// How many may come at once; as many as the window allows by default.
    pub burst: u32,
}

impl Quota {
    pub fn new(count: u32, window: Duration) -> Self {
        Self { count, window, burst: count }
    }

    /// From one to the next, in nanoseconds.
    pub(super) fn step(&self) -> u64 {
        nanos(self.window) / u64::from(self.count.max(1))
    }

    /// How far ahead of the clock the next may be.
    pub(super) fn room(&self) -> u64 {
        self.step().saturating_mul(u64::from(self.burst.max(1)))
    }

    /// Whether another one conforms. `next` is when the next would be due, in nanoseconds, or what
    /// was there before anybody came.
    ///
    /// # Errors
    /// How long it is too early, in nanoseconds.
    pub fn conforms(&self, next: u64, now: u64) -> Result<u64, u64> {
        let next = next.max(now) + self.step();
        let ahead = next - now;
        if ahead > self.room() { Err(ahead - self.room()) } else { Ok(next) }
    }

    /// How many more conform at once.
    pub(super) fn left(&self, next: u64, now: u64) -> u32 {
        let room = self.room().saturating_sub(next.saturating_sub(now));
        u32::try_from(room / self.step().max(1)).unwrap_or(u32::MAX)
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

impl FromStr for Quota {
    type Err = String;

    /// `100/min`, `5/s`, `10/hour`, `1000/day`, `20/10s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("expected a number and a span such as 100/min or 20/10s, found {text:?}");
        let (count, window) = text.split_once('/').ok_or_else(wrong)?;
        let count: u32 = count.trim().parse().ok().filter(|count| *count > 0).ok_or_else(wrong)?;
        let window = window.trim();
        let digits = window.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = window.split_at(digits);
        let number: u64 =
            if number.is_empty() { 1 } else { number.parse().map_err(|_| wrong())? };
        let unit = match unit.trim() {
            "s" | "sec" | "second" => 1,
            "m" | "min" | "minute" => 60,
            "h" | "hour" => 3600,
            "d" | "day" => 86_400,
            _ => return Err(wrong()),
        };
        let seconds = number.checked_mul(unit).filter(|seconds| *seconds > 0).ok_or_else(wrong)?;
        Ok(Self::new(count, Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn what_people_write_is_read() {
        let of = |text: &str| text.parse::<Quota>().map(|one| (one.count, one.window.as_secs()));
        assert_eq!(of("100/min"), Ok((100, 60)));
        assert_eq!(of("20/10s"), Ok((20, 10)));
        assert_eq!(of("10 / hour"), Ok((10, 3600)));
        for wrong in ["", "5", "0/min", "5/year", "5/0s", "-1/s", "a/min"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn as_many_as_are_allowed_and_then_one_by_one() {
        let quota = Quota::new(5, Duration::from_secs(10));
        let (mut next, now) = (0, 100 * SECOND);
        for left in (0..5).rev() {
            next = quota.conforms(next, now).expect("within");
            assert_eq!(quota.left(next, now), left);
        }
        assert_eq!(quota.conforms(next, now), Err(2 * SECOND));
        let later = now + 2 * SECOND;
        next = quota.conforms(next, later).expect("one more");
        assert!(quota.conforms(next, later).is_err());
        let after = later + 10 * SECOND;
        assert_eq!(quota.left(next, after), 5, "a whole window later all of it is there again");
    }

    #[test]
    fn in_any_window_there_are_at_most_count_and_burst() {
        let quota = Quota { burst: 2, ..Quota::new(10, Duration::from_secs(1)) };
        let (mut next, mut passed) = (0, 0);
        for tick in 0..3000 {
            if let Ok(due) = quota.conforms(next, SECOND + tick * 1_000_000) {
                next = due;
                passed += 1;
            }
        }
        assert!((30..=32).contains(&passed), "{passed} in three seconds");
    }
}
