//! Waiting for the first ready answer, by condition and never by time alone.

use std::time::{Duration, Instant};

use client::{End, Exchange, Peer, Request};
use model::{Probe as ProbeOutcome, Seen};
use settings::Probe;
use tokio::time::sleep;

/// How waiting for readiness ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    Ready {
        after: Duration,
    },
    /// The main process ended first.
    Exited,
    /// It lives, but gave no ready answer in time.
    Never,
}

/// A probe with the address where it is sent.
#[derive(Debug, Clone)]
pub struct Target {
    pub peer: Peer,
    pub probe: Probe,
    /// Any HTTP answer counts, because the manifest declares no probe.
    pub any_answer: bool,
}

impl Target {
    /// Sends the probe once on a connection of its own.
    pub async fn ask(&self, within: Duration) -> (ProbeOutcome, Exchange) {
        let table = &self.probe.0;
        let mut request = Request::get(&table.path).header("Connection", "close");
        for (name, value) in &table.headers {
            request = request.header(name, value);
        }
        let exchange = self.peer.once(&request, within).await;
        (self.judge(&exchange), exchange)
    }

    fn judge(&self, exchange: &Exchange) -> ProbeOutcome {
        match (&exchange.end, &exchange.response) {
            (End::Complete, Some(response)) => {
                let accepted =
                    self.any_answer || self.probe.accepts(response.status, &response.body);
                ProbeOutcome::Answered { status: response.status, accepted }
            }
            (End::NotConnected(client::NotConnected::TimedOut(_)) | End::TimedOut { .. }, _) => {
                ProbeOutcome::TimedOut
            }
            (End::NotConnected(_), _) => ProbeOutcome::Refused,
            (End::NotHttp { start, .. }, _) => ProbeOutcome::NotHttp { start: start.clone() },
            _ => ProbeOutcome::Dropped,
        }
    }
}

/// Sends the probe until it is accepted, the process ends (`ended`) or the patience does.
/// Outcomes are reported only when they change.
pub async fn wait(
    target: &Target,
    started: Instant,
    patience: impl Fn() -> Duration,
    ended: impl Fn() -> bool,
    mut saw: impl FnMut(Instant, Seen),
) -> Readiness {
    let mut last = None;
    let mut opened = false;
    loop {
        let within =
            target.probe.0.within.0.clamp(Duration::from_millis(50), Duration::from_secs(5));
        // Never cut short by the end of the patience: the last answer must be an answer.
        let (outcome, exchange) = target.ask(within).await;
        if !opened && !matches!(exchange.end, End::NotConnected(_)) {
            opened = true;
            saw(exchange.began, Seen::PortOpened { port: target.peer.address.port() });
        }
        let accepted = outcome.is_accepted();
        if last.as_ref() != Some(&outcome) && outcome != ProbeOutcome::Refused {
            let took = u64::try_from(exchange.took.as_micros()).unwrap_or(u64::MAX);
            saw(
                exchange.began,
                Seen::Probed { probe: "ready".to_owned(), result: outcome.clone(), took_us: took },
            );
        }
        last = Some(outcome);
        if accepted {
            return Readiness::Ready { after: started.elapsed() };
        }
        if ended() {
            return Readiness::Exited;
        }
        if started.elapsed() >= patience() {
            return Readiness::Never;
        }
        let young = started.elapsed() < Duration::from_secs(1);
        sleep(Duration::from_millis(if young { 3 } else { 20 })).await;
    }
}
