//! The part of a trial that is worth drawing: from shortly before the first thing that was done to
//! the service until the end.

use model::{Observation, Seen};

/// A span of time, and the moment that everything is told from. All in microseconds since the run
/// began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: u64,
    pub(super) to: u64,
    /// The signal, or the first fault; the start of the trial where there is none.
    pub(super) zero: u64,
    /// When the trial began.
    began: u64,
}

/// How much is shown before the moment that counts, as a part of what follows.
const BEFORE: u64 = 5;

/// Even a service that is gone at once is shown with so much time around its end.
const LEAST: u64 = 50_000;

pub(super) fn of(own: &[&Observation]) -> Window {
    let began = own.first().map_or(0, |observation| observation.at);
    let end = own.last().map_or(began, |observation| observation.at);
    let first = |wanted: fn(&Seen) -> bool| {
        own.iter().find(|observation| wanted(&observation.seen)).map(|observation| observation.at)
    };
    let signal = first(|seen| matches!(seen, Seen::Signalled { .. }));
    let fault = || first(|seen| matches!(seen, Seen::FaultSet { .. } | Seen::Locked { .. }));
    let to = end.max(began + 1);
    let Some(zero) = signal.or_else(fault) else {
        return Window { from: began, to, zero: began, began };
    };
    let after = to.saturating_sub(zero).max(LEAST);
    // What was in flight at the signal began a little before it.
    let from = zero.saturating_sub(after / BEFORE).max(began);
    Window { from, to: zero + after, zero, began }
}

impl Window {
    /// Where a moment stands, in per cent.
    pub(super) fn per_cent(&self, at: u64) -> f64 {
        let span = (self.to - self.from).max(1) as f64;
        (100.0 * at.saturating_sub(self.from) as f64 / span).clamp(0.0, 100.0)
    }

    /// What is not drawn, where it is worth a word.
    pub(super) fn left_out(&self) -> Option<String> {
        let left = self.from.saturating_sub(self.began);
        (left > 100_000).then(|| format!("the {} before are not drawn", span(left)))
    }

    /// Ticks at a round distance: where, and the time from zero.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        const STEPS: [u64; 17] = [
            5_000,
            10_000,
            20_000,
            50_000,
            100_000,
            200_000,
            500_000,
            1_000_000,
            2_000_000,
            5_000_000,
            10_000_000,
            20_000_000,
            30_000_000,
            60_000_000,
            120_000_000,
            300_000_000,
            600_000_000,
        ];
        let whole = self.to - self.from;
        let step = STEPS.into_iter().find(|step| whole / step <= 6).unwrap_or(STEPS[16]);
        let mut ticks = Vec::new();
        let before = (self.zero - self.from) / step;
        let first = self.zero - before * step;
        let mut at = first;
        while at <= self.to {
            let told = if at < self.zero {
                format!("−{}", span(self.zero - at))
            } else {
                span(at - self.zero)
            };
            ticks.push((self.per_cent(at), told));
            at += step;
        }
        ticks
    }
}

/// A span of time for people.
pub(super) fn span(micros: u64) -> String {
    match micros {
        0 => "0".to_owned(),
        1..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        10_000..1_000_000 => format!("{} ms", micros / 1_000),
        _ => {
            let seconds = format!("{:.1}", micros as f64 / 1e6);
            format!("{} s", seconds.trim_end_matches(".0"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(at: u64, seen: Seen) -> Observation {
        Observation { at, trial: "t".into(), seen }
    }

    #[test]
    fn it_opens_on_the_signal() {
        let signal = Seen::Signalled { signal: "SIGTERM".into(), pid: 1 };
        let seen = [
            at(0, Seen::Unlocked),
            at(10_000_000, signal),
            at(10_009_000, Seen::Exited { pid: 1, code: Some(0), signal: None }),
        ];
        let window = of(&seen.iter().collect::<Vec<_>>());
        assert_eq!((window.from, window.to), (9_990_000, 10_050_000), "9 ms are not 2 pixels");
        assert_eq!(window.left_out().as_deref(), Some("the 10 s before are not drawn"));
        let ticks = window.ticks();
        assert_eq!(ticks.first().map(|tick| tick.1.as_str()), Some("−10 ms"));
        assert!(ticks.iter().any(|tick| tick.1 == "0"));
        assert!(ticks.len() <= 8, "{ticks:?}");
    }

    #[test]
    fn without_a_fault_all_of_it_is_shown() {
        let seen = [at(5, Seen::Unlocked), at(1_000_005, Seen::Unlocked)];
        let window = of(&seen.iter().collect::<Vec<_>>());
        assert_eq!((window.from, window.to), (5, 1_000_005));
        assert_eq!(window.left_out(), None);
        assert_eq!(of(&[]).ticks().len(), 1, "and nothing is no reason to fail");
    }
}
