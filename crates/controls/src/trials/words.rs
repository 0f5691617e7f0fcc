//! Times and ends, as people read them.

use std::time::Duration;

/// A length of time for people.
pub fn time(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", micros as f64 / 1e3),
        10_000..1_000_000 => format!("{:.0} ms", micros as f64 / 1e3),
        _ => format!("{:.1} s", micros as f64 / 1e6),
    }
}

/// That a process ended under a fault, for a finding.
pub fn words_of_end(dependency: &str, word: &str, after: Option<Duration>) -> String {
    match after {
        Some(after) => {
            format!("{dependency} was {word}, and the process ended {} after that", time(after))
        }
        None => format!("the process ended while {dependency} was {word}"),
    }
}
