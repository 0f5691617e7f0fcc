//! The other clients around a stop signal: busy, idle and new ones, each with its own ledger.

use std::time::{Duration, Instant};

use client::{Connection, Peer, Request};
use lab::TrialLog;
use model::{Outcome, Seen};
use settings::Manifest;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::work_request;

pub(super) const BUSY_CLIENT: &str = "busy";
pub(super) const NEW_CLIENT: &str = "new";
pub(super) const BUSY_CLIENTS: usize = 3;
/// A threaded server that drains with a few busy clients may never end with more of them than it
/// has threads. Found on a service of the field with twenty.
pub(super) const MANY_CLIENTS: usize = 24;
/// The pause of one of a few busy clients between two requests.
const PAUSE: Duration = Duration::from_millis(5);
/// A request on an idle or new connection that is not answered by then will not be.
const WITHIN: Duration = Duration::from_secs(5);
/// How long new connections are tried after the signal at least, and how far apart.
pub(super) const NEWCOMERS: Duration = Duration::from_millis(900);
const BETWEEN: Duration = Duration::from_millis(60);
const SELDOM: Duration = Duration::from_millis(500);

/// A request that any service answers at once: the readiness probe where it is on the main port.
pub(super) fn light_request(manifest: &Manifest) -> Request {
    let probe = manifest.service.ready.as_ref().filter(|probe| probe.0.port.is_none());
    let mut request = Request::get(probe.map_or("/", |probe| &probe.0.path));
    for (name, value) in probe.into_iter().flat_map(|probe| &probe.0.headers) {
        request = request.header(name, value);
    }
    request
}

/// Clients that were there before the signal.
pub(super) struct Clients {
    trial: TrialLog,
    light: Request,
    peer: Peer,
    busy: Vec<JoinHandle<()>>,
    idle: Option<Connection>,
}

impl Clients {
    pub(super) async fn start(peer: Peer, trial: &TrialLog, light: &Request, count: usize) -> Self {
        let mut idle = Connection::to(&peer, WITHIN).await.ok();
        if let Some(connection) = &mut idle {
            connection.exchange(light, WITHIN).await;
        }
        // One that the service closes after each answer is not idle.
        let idle = idle.filter(|connection| connection.ended().is_none());
        // Many make no more requests than a few do: it is their connections that matter.
        let pause = PAUSE * u32::try_from(count.div_ceil(BUSY_CLIENTS)).unwrap_or(1);
        let busy = |_| tokio::spawn(be_busy(peer.clone(), trial.clone(), light.clone(), pause));
        let busy = (0..count).map(busy);
        let busy = busy.collect();
        Self { trial: trial.clone(), light: light.clone(), peer, busy, idle }
    }

    /// From the signal on, new clients come as well.
    pub(super) fn keep_coming(self, signalled: Instant, how_long: Duration) -> Newcomers {
        let (trial, light, peer) = (self.trial.clone(), self.light.clone(), self.peer);
        let new = tokio::spawn(async move {
            let mut waiting = Vec::new();
            while signalled.elapsed() < how_long {
                let (trial, light, peer) = (trial.clone(), light.clone(), peer.clone());
                waiting.push(tokio::spawn(async move {
                    let exchange = peer.once(&light, WITHIN).await;
                    work_request::saw(&trial, NEW_CLIENT, &light, &exchange);
                }));
                // A long drain is looked at less often.
                sleep(if signalled.elapsed() < NEWCOMERS { BETWEEN } else { SELDOM }).await;
            }
            for one in waiting {
                let _ = one.await;
            }
        });
        let (trial, idle) = (self.trial.clone(), self.idle);
        let idle = tokio::spawn(async move {
            let Some(mut connection) = idle else { return };
            match connection.wait_for_end(Duration::from_secs(60)).await {
                Some(_) => trial.saw(Seen::IdleEnded { after: work_request::since(signalled) }),
                None => trial.saw(Seen::IdleOpen),
            }
        });
        Newcomers { trial: self.trial, busy: self.busy, idle, new, how_long }
    }
}

/// All clients after the signal.
pub(super) struct Newcomers {
    trial: TrialLog,
    busy: Vec<JoinHandle<()>>,
    idle: JoinHandle<()>,
    new: JoinHandle<()>,
    how_long: Duration,
}

impl Newcomers {
    /// The process has ended, or will not: nobody waits longer than a moment.
    pub(super) async fn finish(self, signalled: Instant) {
        let moment = Duration::from_millis(300);
        let left = self.how_long.min(NEWCOMERS).saturating_sub(signalled.elapsed()) + moment;
        let mut new = self.new;
        if tokio::time::timeout(left, &mut new).await.is_err() {
            new.abort();
        }
        let mut idle = self.idle;
        if tokio::time::timeout(moment, &mut idle).await.is_err() {
            idle.abort();
            self.trial.saw(Seen::IdleOpen);
        }
        for mut busy in self.busy {
            if tokio::time::timeout(moment, &mut busy).await.is_err() {
                busy.abort();
            }
        }
    }
}

/// One request after another on the same connection, and on a new one when the service ends it,
/// until no connection is to be had.
async fn be_busy(peer: Peer, trial: TrialLog, light: Request, pause: Duration) {
    loop {
        let Ok(mut connection) = Connection::to(&peer, WITHIN).await else { return };
        while connection.ended().is_none() {
            let exchange = connection.exchange(&light, WITHIN).await;
            let outcome = work_request::saw(&trial, BUSY_CLIENT, &light, &exchange);
            if !matches!(outcome, Outcome::Answered { .. }) {
                break;
            }
            sleep(pause).await;
        }
    }
}
