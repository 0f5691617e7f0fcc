//! Patience with the service's limiter: it protects the service, and it is not what is tried here.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use client::Exchange;
use model::Classes;

/// How long an experiment waits for limiters altogether. One that asks for more is told in the
/// account.
const ALTOGETHER: Duration = Duration::from_secs(20);
/// The pause where the answer does not say how long, and the longest where it does.
const USUAL: Duration = Duration::from_millis(400);
const LONGEST: Duration = Duration::from_secs(2);

/// How a limiter's no is known, and how much patience is left. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Limiter {
    statuses: Vec<u16>,
    text: Option<String>,
    left: Arc<Mutex<Duration>>,
}

impl Limiter {
    pub(super) fn new(classes: &Classes) -> Self {
        Self {
            statuses: classes.limited.clone(),
            text: classes.limited_text.clone().filter(|text| !text.is_empty()),
            left: Arc::new(Mutex::new(ALTOGETHER)),
        }
    }

    /// How long to wait before the same is tried again; none when this is no limiter's answer, or
    /// patience is over.
    pub(super) fn pause_after(&self, exchange: &Exchange) -> Option<Duration> {
        let response = exchange.response.as_ref()?;
        let says = self.text.as_ref().is_some_and(|text| response.text().contains(text.as_str()));
        if !says && !self.statuses.contains(&response.status) {
            return None;
        }
        let header =
            response.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
        let asked = header.and_then(|(_, value)| value.trim().parse().ok());
        let pause =
            asked.map_or(USUAL, |seconds| Duration::from_secs(seconds).clamp(USUAL, LONGEST));
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.checked_sub(pause)?;
        Some(pause)
    }
}
