//! Requests that are in flight, and what holds them there.

use std::time::{Duration, Instant};

use client::{Connection, Request};
use lab::dependency::TableLock;
use lab::{Instance, LabError, TrialLog};
use model::Seen;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::{BEFORE, SLOW, Way};
use crate::work_request;

/// Waits until a session waits for the locks. False when none does.
pub(super) async fn wait_for_lock(lock: &TableLock, trial: &TrialLog) -> Result<bool, LabError> {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        let waiting = lock.waiting().await?;
        if waiting > 0 || Instant::now() > deadline {
            trial.saw(Seen::Locked { waiting });
            return Ok(waiting > 0);
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// The head with half of the body, and the other half.
pub(super) fn halves(instance: &Instance, request: &Request) -> (Vec<u8>, Vec<u8>) {
    let mut first = request.head(&instance.peer().host);
    let (start, rest) = request.body.split_at(request.body.len() / 2);
    first.extend_from_slice(start);
    (first, rest.to_vec())
}

pub(super) struct Caught {
    slow: Vec<JoinHandle<()>>,
    lock: Option<TableLock>,
    release: Vec<oneshot::Sender<()>>,
}

impl Caught {
    /// Sends the requests and sees them land. `None` when they were not caught.
    pub(super) async fn catch(
        instance: &Instance,
        trial: &TrialLog,
        way: Way,
        requests: Vec<Request>,
    ) -> Result<Option<Self>, LabError> {
        let lock = match way {
            Way::TableLock => instance.lock_tables().await?,
            Way::SlowRequest | Way::HalfBody => None,
        };
        let (mut slow, mut release) = (Vec::new(), Vec::new());
        for request in requests {
            let (go_on, released) = oneshot::channel();
            release.push(go_on);
            slow.push(send(instance, trial, way, request, released));
        }
        let caught = match &lock {
            Some(lock) => wait_for_lock(lock, trial).await?,
            None => {
                sleep(BEFORE).await;
                !slow.iter().all(JoinHandle::is_finished)
            }
        };
        if !caught {
            slow.iter().for_each(JoinHandle::abort);
        }
        Ok(caught.then_some(Self { slow, lock, release }))
    }

    /// Holds them for a while longer, lets them go on, and waits for their ends.
    pub(super) async fn hold_and_finish(
        self,
        trial: &TrialLog,
        held: Duration,
        within: Duration,
    ) -> Result<(), LabError> {
        sleep(held).await;
        if let Some(lock) = self.lock {
            lock.release().await?;
            trial.saw(Seen::Unlocked);
        }
        for release in self.release {
            // Nobody waits for this where the whole request was sent.
            let _ = release.send(());
        }
        let deadline = Instant::now() + within;
        for mut slow in self.slow {
            let left = deadline.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, &mut slow).await.is_err() {
                slow.abort();
            }
        }
        Ok(())
    }
}

/// Sends one request in its way and records what becomes of it.
fn send(
    instance: &Instance,
    trial: &TrialLog,
    way: Way,
    request: Request,
    released: oneshot::Receiver<()>,
) -> JoinHandle<()> {
    let peer = instance.peer();
    let parts = match way {
        Way::HalfBody => halves(instance, &request),
        Way::SlowRequest | Way::TableLock => {
            let mut whole = request.head(&peer.host);
            whole.extend_from_slice(&request.body);
            (whole, Vec::new())
        }
    };
    let told = trial.clone();
    tokio::spawn(async move {
        let Ok(mut connection) = Connection::to(&peer, Duration::from_secs(5)).await else {
            return;
        };
        let began = Instant::now();
        let _ = connection.send(&parts.0).await;
        if !parts.1.is_empty() {
            // The end of the connection is seen when it comes, not when we go on.
            tokio::select! {
                _ = released => { let _ = connection.send(&parts.1).await; }
                _ = connection.wait_for_end(Duration::from_secs(60)) => {}
            }
        }
        let mut exchange = connection.answer(Duration::from_secs(60)).await;
        exchange.took += exchange.began - began;
        exchange.began = began;
        work_request::saw(&told, SLOW, &request, &exchange);
    })
}
