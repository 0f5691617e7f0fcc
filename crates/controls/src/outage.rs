//! One outage of one dependency: a time line that several controls observe.
//!
//! Readiness, liveness and the service's work are watched at once, as they are in production. The
//! first control that asks for a round has it made; the others get what concerns them. Each fault
//! meets an instance of its own that lives and has connected, so that faults are waited for together.
//! One fault of each dependency is held for as long as the manifest says: some services give up only
//! after a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lab::fault::{Fault, Kind};
use lab::{Bench, Instance, LabError, Readiness, Running, TrialLog};
use model::{Observation, Probe, Seen};
use settings::Manifest;
use tokio::time::sleep;

use crate::work_request::{self, WorkRequest};

/// The clients of a round, by when they come.
pub(crate) const CONTROL: &str = "control";
pub(crate) const DURING: &str = "during";
pub(crate) const AFTER: &str = "after";

/// How many requests meet the fault at once.
const AT_ONCE: usize = 3;
/// How many come after them, while the fault is held.
const LATER: usize = 3;
/// A slow dependency: longer than a bounded request should wait.
const SLOW: Duration = Duration::from_secs(8);
/// The shortest time for which a fault is held.
const SHORTEST: Duration = Duration::from_secs(1);
/// A liveness probe that is not answered by then is not fast, whatever is declared.
pub(crate) const LIVE_PATIENCE: Duration = Duration::from_secs(5);
/// How long the liveness probe may take to come back.
const LIVE_RECOVERY: Duration = Duration::from_secs(10);
const OFTEN: Duration = Duration::from_millis(40);
const SELDOM: Duration = Duration::from_millis(250);

/// What is done to a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// Connections are refused. This is the fault that is held.
    Refused,
    /// Connections are reset.
    Reset,
    /// Connections are open and nothing passes.
    Hanging,
    /// Every answer takes long.
    Slow,
    /// Connections break in the middle of an answer.
    Cut,
}

impl Loss {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Hanging => "hanging",
            Self::Slow => "slow",
            Self::Cut => "cut",
        }
    }

    fn fault(self) -> Fault {
        match self {
            Self::Refused => Fault::new(Kind::Refuse),
            Self::Reset => Fault::new(Kind::Reset),
            Self::Hanging => Fault::new(Kind::Hang),
            Self::Slow => Fault::down(Kind::Latency { delay: SLOW, jitter: Duration::ZERO }),
            Self::Cut => Fault::down(Kind::Cut { after: 20 }),
        }
    }
}

/// Who looks at an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Observer {
    Readiness,
    Liveness,
    Work,
}

impl Observer {
    /// Whether it is about what this one judges. The start and its probes concern everybody.
    fn concerns(self, seen: &Observation, faulted: Option<u64>) -> bool {
        let under_fault = faulted.is_some_and(|fault| seen.at > fault);
        match &seen.seen {
            Seen::Exchanged { .. } => self == Self::Work,
            Seen::Probed { probe, .. } if under_fault && probe == "live" => self == Self::Liveness,
            Seen::Probed { .. } if under_fault => self == Self::Readiness,
            _ => true,
        }
    }
}

/// How long the longest outage takes when all are made at once.
pub(crate) fn waits(manifest: &Manifest, start: Duration) -> Duration {
    let settings = &manifest.controls.dependency_outage;
    let lost = if manifest.dependencies.is_empty() {
        Duration::ZERO
    } else {
        settings.hold.0.max(SHORTEST) + settings.within.0
    };
    start + lost + Duration::from_secs(2)
}

/// One outage, and what this observer saw of it. Whoever asks first has it made, on an instance of
/// its own, so that several can be made at once.
///
/// # Errors
/// When the lab cannot provide an instance.
pub(crate) async fn round(
    bench: &Bench,
    observer: Observer,
    dependency: &str,
    loss: Loss,
    round: u32,
) -> Result<Vec<Observation>, LabError> {
    bench.progress(format!("{dependency} {}, round {round}", loss.word()));
    let name = format!("{dependency}/{}/{round}", loss.word());
    let mut shared = bench.shared(&name).await;
    let seen = match &*shared {
        Some(seen) => seen.clone(),
        None => {
            let apart = bench.apart();
            let trial = apart.trial(&name);
            let (subject, method) = (dependency.to_owned(), loss.word().to_owned());
            trial.saw(Seen::Trial { subject, method, round });
            outage(bench, &trial, dependency, loss).await?;
            let seen = apart.finish().unwrap_or_default();
            shared.insert(seen).clone()
        }
    };
    drop(shared);
    let is_fault = |seen: &&Observation| matches!(seen.seen, Seen::FaultSet { .. });
    let faulted = seen.iter().find(is_fault).map(|fault| fault.at);
    let seen: Vec<_> = seen.into_iter().filter(|seen| observer.concerns(seen, faulted)).collect();
    bench.take_over(&seen);
    Ok(seen)
}

/// A request that stands for the service's work, and the status that it has in good health.
type Work = (WorkRequest, u16);

async fn outage(
    bench: &Bench,
    trial: &TrialLog,
    dependency: &str,
    loss: Loss,
) -> Result<(), LabError> {
    let mut instance = bench.instance().await?;
    if let Some(mut running) = instance.start(trial, None).await? {
        if matches!(running.wait_ready(bench.patience()).await, Readiness::Ready { .. }) {
            let work = work(bench, trial, &instance, dependency).await;
            let (instance, running) = (&instance, &running);
            Outage { bench, trial, instance, running, dependency, loss }.watch(work).await;
        }
        // How it ended is part of what was seen.
        if running.process().exit().is_some() {
            running.wait_exit(Duration::ZERO).await;
        }
        running.kill().await;
    }
    instance.end().await;
    Ok(())
}

async fn work(
    bench: &Bench,
    trial: &TrialLog,
    instance: &Instance,
    dependency: &str,
) -> Option<Work> {
    let settings = &bench.manifest().controls.dependency_outage;
    let (request, journey) = (settings.request.as_deref(), settings.journey.as_deref());
    let persons = 1 + AT_ONCE + LATER;
    let work = WorkRequest::prepare(bench, instance, trial, request, journey, persons).await;
    let mut work = work?;
    instance.saw_traffic(trial, dependency);
    let request = work.request()?;
    let longest = Duration::from_secs(10);
    let good = work_request::send(instance, trial, CONTROL, &request, longest).await;
    let limited = &bench.manifest().classes().limited;
    // A missing log-in, or anything else that is refused, is no work.
    let status = good.status().filter(|status| *status < 400 && !limited.contains(status))?;
    Some((work, status))
}

struct Outage<'a> {
    bench: &'a Bench,
    trial: &'a TrialLog,
    instance: &'a Instance,
    running: &'a Running,
    dependency: &'a str,
    loss: Loss,
}

impl Outage<'_> {
    /// Breaks the dependency, watches, mends it and watches again until everything came back.
    async fn watch(&self, mut work: Option<Work>) {
        let (instance, trial) = (self.instance, self.trial);
        // A probe that never asks it must not look as if the service did not need it.
        instance.wait_for_connection(self.dependency, self.notice_limit()).await;
        instance.fault(trial, self.dependency, self.loss.fault(), self.loss.word()).await;
        let over = AtomicBool::new(false);
        let work_and_hold = async {
            let until = Instant::now() + self.hold();
            if let Some((work, _)) = &mut work {
                self.requests(work, until).await;
            }
            while Instant::now() < until && !self.has_ended() {
                sleep(OFTEN).await;
            }
            over.store(true, Ordering::Relaxed);
        };
        tokio::join!(work_and_hold, self.ask_ready(&over), self.ask_live(&over));
        instance.heal(trial, self.dependency).await;
        tokio::join!(self.works_again(work), self.ready_again(), self.live_again());
    }

    fn has_ended(&self) -> bool {
        self.running.process().exit().is_some()
    }

    /// The longest time until readiness must have noticed: its lag, and two answers.
    fn notice_limit(&self) -> Duration {
        let probe = self.bench.manifest().service.ready.as_ref();
        probe.map_or(SHORTEST, |probe| probe.0.lag.0 + 2 * probe.0.within.0)
    }

    fn hold(&self) -> Duration {
        if self.loss == Loss::Refused {
            self.bench.manifest().controls.dependency_outage.hold.0.max(SHORTEST)
        } else {
            SHORTEST
        }
    }

    /// Several at once, then one after the other for as long as the fault is held.
    async fn requests(&self, work: &mut WorkRequest, until: Instant) {
        let settings = &self.bench.manifest().controls.dependency_outage;
        // Longer than what is promised, so that "late" and "never" can be told apart.
        let longest = settings.within.0 + Duration::from_secs(2);
        let send = |request| async move {
            work_request::send(self.instance, self.trial, DURING, &request, longest).await
        };
        let at_once: Vec<_> = (0..AT_ONCE).filter_map(|_| work.request()).map(send).collect();
        futures_util::future::join_all(at_once).await;
        let pause =
            until.saturating_duration_since(Instant::now()) / u32::try_from(LATER).unwrap_or(1);
        for later in 0..LATER {
            if later > 0 && (Instant::now() > until || self.has_ended()) {
                return;
            }
            let Some(request) = work.request() else { return };
            send(request).await;
            let next = Instant::now() + pause;
            while Instant::now() < next.min(until) && !self.has_ended() {
                sleep(OFTEN).await;
            }
        }
    }

    /// Until the fault is over, and for as long as it may take to notice it.
    async fn ask_ready(&self, over: &AtomicBool) {
        let Some(probe) = &self.bench.manifest().service.ready else { return };
        let (within, limit, began) = (probe.0.within.0, self.notice_limit(), Instant::now());
        let mut noticed = false;
        while !self.has_ended()
            && (!over.load(Ordering::Relaxed) || (!noticed && began.elapsed() < limit))
        {
            noticed |= !self.running.ask_ready(self.trial, within).await.is_accepted();
            sleep(if noticed { SELDOM } else { OFTEN }).await;
        }
    }

    /// Until the fault is over, at least as often as declared, and for as long as a check in the
    /// background may take to notice.
    async fn ask_live(&self, over: &AtomicBool) {
        let Some(probe) = &self.bench.manifest().service.live else { return };
        let (lag, began) = (probe.0.lag.0, Instant::now());
        let mut left = self.bench.manifest().controls.liveness.probes.max(3);
        while !self.has_ended()
            && (!over.load(Ordering::Relaxed) || left > 0 || began.elapsed() < lag)
        {
            self.running.ask_live(self.trial, LIVE_PATIENCE).await;
            left = left.saturating_sub(1);
            sleep(if left > 0 { OFTEN } else { SELDOM }).await;
        }
    }

    async fn works_again(&self, work: Option<Work>) {
        let Some((work, good)) = work else { return };
        let settings = &self.bench.manifest().controls.dependency_outage;
        let longest = settings.within.0 + Duration::from_secs(2);
        let healed = Instant::now();
        while healed.elapsed() < settings.recover_within.0 && !self.has_ended() {
            let outcome = work.try_anew(self.instance, self.trial, AFTER, longest).await;
            if outcome.status() == Some(good) {
                return;
            }
            sleep(SELDOM).await;
        }
    }

    async fn ready_again(&self) {
        let manifest = self.bench.manifest();
        let Some(probe) = &manifest.service.ready else { return };
        let limit = manifest.controls.readiness.recover_within.0;
        let within = probe.0.within.0;
        self.again(limit, || self.running.ask_ready(self.trial, within)).await;
    }

    async fn live_again(&self) {
        if self.bench.manifest().service.live.is_some() {
            self.again(LIVE_RECOVERY, || self.running.ask_live(self.trial, LIVE_PATIENCE)).await;
        }
    }

    /// Probes until one is accepted, the process ends or time is up.
    async fn again<F: Future<Output = Probe>>(&self, limit: Duration, ask: impl Fn() -> F) {
        let began = Instant::now();
        while !ask().await.is_accepted() && began.elapsed() <= limit && !self.has_ended() {
            sleep(OFTEN).await;
        }
    }
}
