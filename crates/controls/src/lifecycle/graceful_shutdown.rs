//! A stop signal drops no request.

mod caught;
mod clients;
mod judge;
mod round;

use std::time::{Duration, Instant};

use async_trait::async_trait;
use client::{Connection, Request};
use futures_util::future;
use lab::{Bench, Instance, LabError, Readiness, Running, TrialLog};
use model::declaration::A_JOURNEY;
use model::{Account, Applicability, Card, Lane, Observation, Outcome, Reach, Ruling, Seen};
use settings::Manifest;
use tokio::time::sleep;

use crate::control::{Applies, Control};
use crate::trials::by_trial;
use crate::work_request::{self, WorkRequest};
use caught::{Caught, halves, wait_for_lock};
use clients::Clients;
use round::{Round, SEVERAL};

pub(crate) struct GracefulShutdown;

static CARD: Card = Card {
    id: "graceful-shutdown",
    applicability: Applicability::Universal,
    reach: Reach::Lab,
    lane: Lane::Quiet,
    disturbs: "its own instances, and the tables of their databases",
    budget: 25,
    decided_by: &[A_JOURNEY],
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
const MANY: &str = "many busy";
const PID_1: &str = "pid-1";
/// The trial in which the ways are found out.
const JOURNEY: &str = "journey";
/// The client whose request is in flight when the signal comes.
const SLOW: &str = "slow";
/// The same request without a signal: the positive control.
const CONTROL: &str = "control";
/// How long a request is in flight before the signal.
const BEFORE: Duration = Duration::from_millis(150);
/// How long a request is held after the signal in most rounds. In one it is held for a large part of
/// what is promised: many services finish what takes a moment and cut what takes a few seconds.
const HELD: Duration = Duration::from_millis(600);
/// The part of the promised time for which it is held then.
const LARGE_PART: f64 = 0.6;
/// What a round takes beside that, generously.
const MARGIN: Duration = Duration::from_millis(300);

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

    fn waits(&self, manifest: &Manifest, start: Duration) -> Duration {
        // Once without a signal, to see that it can be held for so long, and once with one.
        let held = manifest.controls.graceful_shutdown.within.0.mul_f64(LARGE_PART).max(HELD);
        2 * (start + held) + Duration::from_secs(4)
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        let Found { ways, long, several } = ways(bench).await?;
        let settings = &bench.manifest().controls.graceful_shutdown;
        let numbers = 1..=settings.rounds.max(3);
        let mut rounds: Vec<(Way, Round, u32)> = Vec::new();
        for way in &ways {
            let held = long.filter(|(able, _)| able == way).map_or(HELD, |(_, held)| held);
            let of = |number| (*way, Round::of(number, held, settings.drain, several), number);
            rounds.extend(numbers.clone().map(of));
        }
        if let Some(way) = ways.first()
            && bench.init_is_possible().await
        {
            rounds.push((*way, Round::as_process_1(), 1));
        }
        // Each stops an instance of its own; most of the time is waiting.
        let attempts = rounds.iter().map(|(way, round, number)| async move {
            bench.progress(format!("{}, {} clients", way.word(), round.method));
            attempt(bench, *way, round, *number).await
        });
        future::try_join_all(attempts).await.map(|_| ())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        let trials = by_trial(seen);
        (judge::account(manifest, &trials), judge::judge(manifest, &trials))
    }
}

/// What was found out about catching a request.
#[derive(Default)]
struct Found {
    ways: Vec<Way>,
    /// The way in which a request can be held for long without a signal, and how long.
    long: Option<(Way, Duration)>,
    /// It works on several requests at once, and answers others beside them.
    several: bool,
}

/// The ways that this service allows: found out on an instance of its own.
async fn ways(bench: &Bench) -> Result<Found, LabError> {
    let settings = &bench.manifest().controls.graceful_shutdown;
    let mut found = Found::default();
    if settings.slow_request.is_some() {
        found.ways.push(Way::SlowRequest);
    }
    if bench.journey(settings.journey.as_deref()).is_none() {
        return Ok(found);
    }
    bench.progress("walking the journey");
    let trial = bench.trial(JOURNEY);
    trial.saw(Seen::Trial { subject: JOURNEY.into(), method: QUIET.into(), round: 1 });
    let mut instance = bench.instance().await?;
    if let Some(mut running) = instance.start(&trial, None).await? {
        running.wait_ready(bench.patience()).await;
        let name = settings.journey.as_deref();
        let work = WorkRequest::prepare(bench, &instance, &trial, None, name, 3 + SEVERAL).await;
        if let Some(mut work) = work {
            let long = settings.within.0.mul_f64(LARGE_PART).max(HELD);
            for way in [Way::TableLock, Way::HalfBody] {
                if let Some(request) = work.request()
                    && can_be_held(&instance, &trial, way, &request, HELD).await?
                {
                    found.ways.push(way);
                }
            }
            for way in found.ways.clone() {
                if let Some(request) = work.request().filter(|_| found.long.is_none())
                    && can_be_held(&instance, &trial, way, &request, long).await?
                {
                    found.long = Some((way, long));
                }
            }
            if let Some(way) = found.ways.last() {
                let requests = (0..SEVERAL).filter_map(|_| work.request()).collect();
                found.several = takes_several(bench, &instance, &trial, *way, requests).await?;
            }
        }
        running.kill().await;
    }
    instance.end().await;
    Ok(found)
}

/// Whether it has accepted several requests at once: somebody else is answered meanwhile. With fewer
/// workers than that, some would wait in the kernel's queue, and nobody has promised them anything.
async fn takes_several(
    bench: &Bench,
    instance: &Instance,
    trial: &TrialLog,
    way: Way,
    requests: Vec<Request>,
) -> Result<bool, LabError> {
    if requests.len() < SEVERAL {
        return Ok(false);
    }
    let Some(caught) = Caught::catch(instance, trial, way, requests).await? else {
        return Ok(false);
    };
    let light = clients::light_request(bench.manifest());
    let beside = instance.peer().once(&light, Duration::from_millis(700)).await;
    caught.hold_and_finish(trial, Duration::ZERO, Duration::from_secs(10)).await?;
    Ok(beside.status().is_some())
}

/// Whether a request that is held in this way for so long is answered well without any signal: a
/// service that bounds its waits below that would fail for another reason.
async fn can_be_held(
    instance: &Instance,
    trial: &TrialLog,
    way: Way,
    request: &Request,
    held: Duration,
) -> Result<bool, LabError> {
    let outcome = match way {
        Way::SlowRequest => return Ok(false),
        Way::HalfBody if request.body.len() < 2 => return Ok(false),
        Way::HalfBody => in_halves(instance, trial, "probe", request, held).await,
        Way::TableLock => {
            let Some(lock) = instance.lock_tables().await? else { return Ok(false) };
            let within = held + Duration::from_secs(5);
            let sending = work_request::send(instance, trial, "probe", request, within);
            let watching = async {
                let caught = wait_for_lock(&lock, trial).await?;
                if caught {
                    sleep(MARGIN + BEFORE + held).await;
                }
                lock.release().await?;
                trial.saw(Seen::Unlocked);
                Ok::<_, LabError>(caught)
            };
            let (outcome, caught) = tokio::join!(sending, watching);
            if !caught? {
                return Ok(false);
            }
            outcome
        }
    };
    Ok(outcome.status().is_some_and(|status| status < 500))
}

/// One round.
async fn attempt(bench: &Bench, way: Way, round: &Round, number: u32) -> Result<(), LabError> {
    let (subject, method) = (way.word(), round.method);
    let trial = bench.trial(&format!("{subject}/{}/{number}", method.replace(' ', "-")));
    trial.saw(Seen::Trial { subject: subject.into(), method: method.into(), round: number });
    round.record(&trial);
    let mut instance = bench.instance().await?;
    let started = match method {
        PID_1 => instance.start_as_init(&trial).await?,
        _ => instance.start(&trial, None).await?,
    };
    if let Some(mut running) = started {
        let patience = bench.patience();
        if matches!(running.wait_ready(patience).await, Readiness::Ready { .. }) {
            stop_under_load(bench, &instance, &mut running, &trial, way, round).await?;
        }
        running.kill().await;
    }
    instance.end().await;
    Ok(())
}

async fn stop_under_load(
    bench: &Bench,
    instance: &Instance,
    running: &mut Running,
    trial: &TrialLog,
    way: Way,
    round: &Round,
) -> Result<(), LabError> {
    let settings = &bench.manifest().controls.graceful_shutdown;
    let declared = settings.slow_request.as_deref().filter(|_| way == Way::SlowRequest);
    let journey = settings.journey.as_deref();
    let persons = 1 + round.in_flight;
    let work = WorkRequest::prepare(bench, instance, trial, declared, journey, persons).await;
    let Some(mut work) = work else { return Ok(()) };
    let Some(request) = work.request() else { return Ok(()) };
    control(instance, trial, way, &request).await;
    let requests: Vec<_> = (0..round.in_flight).filter_map(|_| work.request()).collect();
    let Some(caught) = Caught::catch(instance, trial, way, requests).await? else {
        return Ok(());
    };

    let light = clients::light_request(bench.manifest());
    let clients = Clients::start(instance.peer(), trial, &light, round.busy).await;
    sleep(BEFORE).await;
    let signalled = Instant::now();
    running.ask_to_stop();
    let newcomers = clients.keep_coming(signalled, round.newcomers);
    caught.hold_and_finish(trial, round.held, settings.within.0).await?;
    let left = settings.within.0.saturating_sub(signalled.elapsed());
    if running.wait_exit(left).await.is_none() {
        trial.saw(Seen::StillRuns { waited: work_request::since(signalled) });
    }
    newcomers.finish(signalled).await;
    Ok(())
}

/// The positive control: the same request, caught in the same way where that needs no lock,
/// without a signal.
async fn control(instance: &Instance, trial: &TrialLog, way: Way, request: &Request) -> Outcome {
    if way == Way::HalfBody {
        return in_halves(instance, trial, CONTROL, request, BEFORE).await;
    }
    work_request::send(instance, trial, CONTROL, request, Duration::from_secs(15)).await
}

/// Sends one half of the body, and the other after a while.
async fn in_halves(
    instance: &Instance,
    trial: &TrialLog,
    client: &str,
    request: &Request,
    held: Duration,
) -> Outcome {
    let within = held + Duration::from_secs(15);
    let Ok(mut connection) = Connection::to(&instance.peer(), within).await else {
        return Outcome::NotConnected;
    };
    let (first, second) = halves(instance, request);
    // A server that answers early is seen by the answer.
    let _ = connection.send(&first).await;
    sleep(held).await;
    let _ = connection.send(&second).await;
    let exchange = connection.answer(within).await;
    work_request::saw(trial, client, request, &exchange)
}
