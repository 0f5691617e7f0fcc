//! Where the time of a run went, from what was seen.

use model::{Observation, Seen};

/// What one experiment spent its time on. What its instances did beside each other is added up, so
/// the parts may be more than the whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spent {
    pub control: String,
    /// From its begin to its end.
    pub seconds: f64,
    pub starts: usize,
    /// Until the first ready answer, or until nobody waited any more.
    pub starting: f64,
    pub requests: usize,
    /// Until their answers had come.
    pub asking: f64,
}

impl Spent {
    /// What neither a start nor a request explains: holds, pauses, waits for a place.
    pub fn waiting(&self) -> f64 {
        (self.seconds - self.starting - self.asking).max(0.0)
    }

    /// Adds up what one experiment saw.
    pub fn of(control: &str, seconds: f64, seen: &[Observation]) -> Self {
        let mut spent = Self { control: control.to_owned(), seconds, ..Self::default() };
        let as_seconds = |micros: u64| std::time::Duration::from_micros(micros).as_secs_f64();
        for observation in seen {
            match &observation.seen {
                Seen::Started { .. } => spent.starts += 1,
                Seen::Ready { after } => spent.starting += as_seconds(*after),
                Seen::NeverReady { waited, .. } => spent.starting += as_seconds(*waited),
                Seen::Answer(answer) => {
                    spent.requests += 1;
                    spent.asking += as_seconds(answer.took_us);
                }
                Seen::Exchanged { took_us, .. } | Seen::Probed { took_us, .. } => {
                    spent.requests += 1;
                    spent.asking += as_seconds(*took_us);
                }
                _ => {}
            }
        }
        spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_and_requests_are_added_up_and_the_rest_is_waiting() {
        let seen = |seen| Observation { at: 0, trial: "t".into(), seen };
        let all = [
            seen(Seen::Started { pid: 1, command: Vec::new(), port: 1 }),
            seen(Seen::Ready { after: 1_500_000 }),
            seen(Seen::Probed {
                probe: "ready".into(),
                result: model::Probe::TimedOut,
                took_us: 500_000,
            }),
        ];
        let spent = Spent::of("startup", 5.0, &all);
        assert_eq!((spent.starts, spent.requests), (1, 1));
        assert!((spent.waiting() - 3.0).abs() < 1e-9, "{spent:?}");
    }
}
