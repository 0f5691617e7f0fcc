//! How a run comes to its end: what has come is answered, then the service is asked to stop.

use std::time::{Duration, Instant};

use super::{Ended, Run, notify};
use crate::signals::Heard;
use crate::stopping::ask_to_stop;
use crate::supervisor::Life;
use crate::worker::Phase;
use crate::workers::Workers;

/// The part of a drain that requests may take; what is left is for the service's own end, which has
/// nothing to finish then.
const FOR_REQUESTS: f64 = 0.8;

impl Run<'_> {
    /// Unready, wait, take no more, answer what has come, ask the service to stop.
    pub(super) async fn drain(
        &mut self,
        life: &Life,
        workers: &mut Workers,
        signal: &'static str,
        why: &str,
    ) -> Ended {
        let shared = self.shared;
        let began = Instant::now();
        let drain = shared.config.drain;
        shared.own.board.drain();
        notify(&[sd_notify::NotifyState::Stopping]);
        shared.say(&format!("{why}: draining"));
        // Where another one answers probes already, nobody need be told.
        let unready = if self.handed_over.is() { Duration::ZERO } else { drain.unready };
        let hurried = self.wait(life, unready).await;
        workers.phase.send_replace(Phase::Drain);
        if !hurried {
            let left = drain.within.mul_f64(FOR_REQUESTS).saturating_sub(began.elapsed());
            tokio::select! {
                () = workers.drained() => {}
                _ = self.wait(life, left) => {
                    let count = shared.own.observe.in_flight();
                    shared.say(&format!("requests that did not end in time: {count}"));
                }
            }
        }
        let ended = self.stop_service(life, signal, began).await;
        workers.close(Duration::from_millis(200)).await;
        ended
    }

    /// Waits so long; a second signal to stop ends the waiting. Returns whether it did.
    async fn wait(&mut self, life: &Life, longest: Duration) -> bool {
        let until = tokio::time::sleep(longest);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return false,
                heard = self.signals.next() => match heard {
                    Heard::Stop(signal) => {
                        self.shared.say(&format!("{signal} again: the waiting is over"));
                        return true;
                    }
                    Heard::Other(signal) => self.hear(life, signal),
                    Heard::Child => process::tree::reap_adopted(),
                },
            }
        }
    }

    /// Asks the service to stop, waits for what is left of the promised time, and kills what is left
    /// of its tree.
    pub(super) async fn stop_service(
        &mut self,
        life: &Life,
        signal: &'static str,
        began: Instant,
    ) -> Ended {
        let config = &self.shared.config;
        let declared = config.life.stop_signal;
        // A service that was declared to stop by another signal is asked by that one.
        let signal = if declared == "SIGTERM" { signal } else { declared };
        let first = life.service.listener(self.main().service.port());
        let asking = tokio::spawn(ask_to_stop(first, life.service.pid(), signal));
        let left = config.drain.within.saturating_sub(began.elapsed());
        let left = left.max(Duration::from_millis(100));
        let exit = tokio::select! {
            exit = life.service.ended() => Some(exit),
            _ = self.wait(life, left) => None,
        };
        asking.abort();
        if exit.is_none() {
            let waited = began.elapsed().as_secs_f64();
            self.shared.say(&format!(
                "the service did not end after {signal}, {waited:.1} s after the first signal; it is killed"
            ));
        }
        life.service.kill();
        life.drain_output(Duration::from_millis(500)).await;
        match exit {
            Some(exit) => Ended::of(exit),
            None => Ended::of(life.service.ended().await),
        }
    }
}
