//! A stop signal drops no request.

mod clients;
mod judge;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use client::{Connection, Request};
use lab::database::TableLock;
use lab::{Bench, Instance, LabError, Readiness, Running, TrialLog};
use model::{Account, Applicability, Card, Lane, Observation, Outcome, Reach, Ruling, Seen};
use settings::Manifest;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::control::{Applies, Control};
use crate::trials::by_trial;
use crate::work_request::{self, WorkRequest};
use clients::Clients;

pub(crate) struct GracefulShutdown;

static CARD: Card = Card {
    id: "graceful-shutdown",
    applicability: Applicability::Universal,
    reach: Reach::Lab,
    lane: Lane::Quiet,
    disturbs: "its own instances, and the tables of their databases",
    budget: 12,
    page: include_str!("graceful_shutdown.md"),
};

/// How a request is caught in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It takes long by itself.
    SlowRequest,
    /// The tables that it needs are locked by another session.
    TableLock,
    /// Half of its body has not been sent yet.
    HalfBody,
}

impl Way {
    fn word(self) -> &'static str {
        match self {
            Self::SlowRequest => "slow-request",
            Self::TableLock => "table-lock",
            Self::HalfBody => "half-body",
        }
    }
}

const BUSY: &str = "busy";
const QUIET: &str = "quiet";
const PID_1: &str = "pid-1";
/// The trial in which the ways are found out.
const JOURNEY: &str = "journey";
/// The client whose request is in flight when the signal comes.
const SLOW: &str = "slow";
/// The same request without a signal: the positive control.
const CONTROL: &str = "control";
/// How long a request is in flight before the signal, and is held after it.
const BEFORE: Duration = Duration::from_millis(150);
const HELD: Duration = Duration::from_millis(600);
/// What a round takes beside that, generously.
const MARGIN: Duration = Duration::from_millis(300);
/// After so many ends that did not come, more waiting teaches nothing.
const ENOUGH: u32 = 3;

#[async_trait]
impl Control for GracefulShutdown {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn applies(&self, manifest: &Manifest) -> Applies {
        let settings = &manifest.controls.graceful_shutdown;
        if work_request::is_declared(manifest, settings.slow_request.as_deref()) {
            return Applies::Yes;
        }
        let what = "a request must be caught in flight: declare a journey with a step that has a \
                    body, or [controls.graceful-shutdown] slow_request = \"GET /…\"";
        Applies::Undeclared(what.to_owned())
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        let ways = ways(bench).await?;
        let rounds = bench.manifest().controls.graceful_shutdown.rounds.max(3);
        let mut stubborn = 0;
        for way in &ways {
            for round in 1..=rounds {
                let method = if round % 2 == 1 { BUSY } else { QUIET };
                bench.progress(format!("{} {method}, round {round} of {rounds}", way.word()));
                stubborn += u32::from(!attempt(bench, *way, method, round).await?);
                if stubborn >= ENOUGH {
                    return Ok(());
                }
            }
        }
        if let Some(way) = ways.first()
            && bench.init_is_possible().await
        {
            bench.progress("as process 1");
            attempt(bench, *way, PID_1, 1).await?;
        }
        Ok(())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        let trials = by_trial(seen);
        (judge::account(manifest, &trials), judge::judge(manifest, &trials))
    }
}

/// The ways that this service allows: found out on an instance of its own.
async fn ways(bench: &Bench) -> Result<Vec<Way>, LabError> {
    let settings = &bench.manifest().controls.graceful_shutdown;
    let mut ways = Vec::new();
    if settings.slow_request.is_some() {
        ways.push(Way::SlowRequest);
    }
    if bench.journey(settings.journey.as_deref()).is_none() {
        return Ok(ways);
    }
    bench.progress("walking the journey");
    let trial = bench.trial(JOURNEY);
    trial.saw(Seen::Trial { subject: JOURNEY.into(), method: QUIET.into(), round: 1 });
    let mut instance = bench.instance().await?;
    if let Some(mut running) = instance.start(&trial, None).await? {
        running.wait_ready(bench.patience()).await;
        let name = settings.journey.as_deref();
        let mut business = WorkRequest::prepare(bench, &instance, &trial, None, name, 1).await;
        if let Some(request) = business.as_mut().and_then(WorkRequest::request) {
            if let Some(lock) = instance.lock_tables().await? {
                ways.extend(
                    waits(&instance, &trial, &request, lock).await?.then_some(Way::TableLock),
                );
            }
            ways.extend((request.body.len() >= 2).then_some(Way::HalfBody));
        }
        running.kill().await;
    }
    instance.end().await;
    Ok(ways)
}

/// Whether a request really waits for the locks, and survives being held as long as in a round: a
/// service that bounds its waits below that would fail without any signal.
async fn waits(
    instance: &Instance,
    trial: &TrialLog,
    request: &Request,
    lock: TableLock,
) -> Result<bool, LabError> {
    let sending = work_request::send(instance, trial, "probe", request, Duration::from_secs(5));
    let watching = async {
        let caught = wait_for_lock(&lock, trial).await?;
        if caught {
            sleep(MARGIN + BEFORE + HELD).await;
        }
        lock.release().await?;
        trial.saw(Seen::Unlocked);
        Ok::<_, LabError>(caught)
    };
    let (outcome, caught) = tokio::join!(sending, watching);
    Ok(caught? && outcome.status().is_some_and(|status| status < 500))
}

/// Waits until a session waits for the locks. False when none does.
async fn wait_for_lock(lock: &TableLock, trial: &TrialLog) -> Result<bool, LabError> {
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

/// One round. Whether the process ended in time, as far as it was asked to.
async fn attempt(bench: &Bench, way: Way, method: &str, round: u32) -> Result<bool, LabError> {
    let trial = bench.trial(&format!("{}/{method}/{round}", way.word()));
    trial.saw(Seen::Trial { subject: way.word().into(), method: method.into(), round });
    let mut instance = bench.instance().await?;
    let started = match method {
        PID_1 => instance.start_as_init(&trial).await?,
        _ => instance.start(&trial, None).await?,
    };
    let mut ended = true;
    if let Some(mut running) = started {
        let patience = bench.patience();
        if matches!(running.wait_ready(patience).await, Readiness::Ready { .. }) {
            ended = stop_under_load(bench, &instance, &mut running, &trial, way, method).await?;
        }
        running.kill().await;
    }
    instance.end().await;
    Ok(ended)
}

async fn stop_under_load(
    bench: &Bench,
    instance: &Instance,
    running: &mut Running,
    trial: &TrialLog,
    way: Way,
    method: &str,
) -> Result<bool, LabError> {
    let settings = &bench.manifest().controls.graceful_shutdown;
    let declared = settings.slow_request.as_deref().filter(|_| way == Way::SlowRequest);
    let journey = settings.journey.as_deref();
    let business = WorkRequest::prepare(bench, instance, trial, declared, journey, 2).await;
    let Some(mut business) = business else { return Ok(true) };
    let Some(request) = business.request() else { return Ok(true) };
    control(instance, trial, way, &request).await;
    let Some(again) = business.request() else { return Ok(true) };
    let Some(caught) = Caught::catch(instance, trial, way, again).await? else { return Ok(true) };

    let light = clients::light_request(bench.manifest());
    let clients = Clients::start(instance.address(), trial, &light, method == BUSY).await;
    sleep(BEFORE).await;
    let signalled = Instant::now();
    running.ask_to_stop();
    let newcomers = clients.keep_coming(instance.address(), signalled);
    caught.hold_and_finish(trial, settings.within.0).await?;
    let left = settings.within.0.saturating_sub(signalled.elapsed());
    let ended = running.wait_exit(left).await.is_some();
    if !ended {
        trial.saw(Seen::StillRuns { waited: work_request::since(signalled) });
    }
    newcomers.finish(signalled).await;
    Ok(ended)
}

/// The positive control: the same request, caught in the same way where that needs no lock,
/// without a signal.
async fn control(instance: &Instance, trial: &TrialLog, way: Way, request: &Request) -> Outcome {
    let within = Duration::from_secs(15);
    if way != Way::HalfBody {
        return work_request::send(instance, trial, CONTROL, request, within).await;
    }
    let Ok(mut connection) = Connection::open(instance.address(), within).await else {
        return Outcome::NotConnected;
    };
    let (first, second) = halves(instance, request);
    // A server that answers early is seen by the answer.
    let _ = connection.send(&first).await;
    sleep(BEFORE).await;
    let _ = connection.send(&second).await;
    let exchange = connection.answer(within).await;
    work_request::saw(trial, CONTROL, request, &exchange)
}

fn halves(instance: &Instance, request: &Request) -> (Vec<u8>, Vec<u8>) {
    let mut first = request.head(&instance.address().to_string());
    let (start, rest) = request.body.split_at(request.body.len() / 2);
    first.extend_from_slice(start);
    (first, rest.to_vec())
}

/// A request that is in flight, and what holds it there.
struct Caught {
    slow: JoinHandle<()>,
    lock: Option<TableLock>,
    release: tokio::sync::oneshot::Sender<()>,
}

impl Caught {
    /// Sends the request and sees it land. `None` when it was not caught.
    async fn catch(
        instance: &Instance,
        trial: &TrialLog,
        way: Way,
        request: Request,
    ) -> Result<Option<Self>, LabError> {
        let lock = match way {
            Way::TableLock => instance.lock_tables().await?,
            Way::SlowRequest | Way::HalfBody => None,
        };
        let address = instance.address();
        let (release, released) = tokio::sync::oneshot::channel();
        let parts = match way {
            Way::HalfBody => halves(instance, &request),
            Way::SlowRequest | Way::TableLock => {
                let mut whole = request.head(&address.to_string());
                whole.extend_from_slice(&request.body);
                (whole, Vec::new())
            }
        };
        let told = trial.clone();
        let slow = tokio::spawn(async move {
            let Ok(mut connection) = Connection::open(address, Duration::from_secs(5)).await else {
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
        });
        let caught = match &lock {
            Some(lock) => wait_for_lock(lock, trial).await?,
            None => {
                sleep(BEFORE).await;
                !slow.is_finished()
            }
        };
        if !caught {
            slow.abort();
        }
        Ok(caught.then_some(Self { slow, lock, release }))
    }

    /// Holds it for a while longer, lets it go on, and waits for its end.
    async fn hold_and_finish(self, trial: &TrialLog, within: Duration) -> Result<(), LabError> {
        sleep(HELD).await;
        if let Some(lock) = self.lock {
            lock.release().await?;
            trial.saw(Seen::Unlocked);
        }
        // Nobody waits for this where the whole request was sent.
        let _ = self.release.send(());
        let mut slow = self.slow;
        if tokio::time::timeout(within, &mut slow).await.is_err() {
            slow.abort();
        }
        Ok(())
    }
}
