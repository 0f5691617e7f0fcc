//! What only the running service shows: where it listens, which of the usual paths it answers, and
//! requests that succeed. The service is started once for it; nothing is judged.

mod journey;
mod paths;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{Peer, Request};
use lab::{Bench, Lab, LabError, Priority, Readiness, Recorder, Running};
use model::{Note, Seen};
use process::sockets;

use crate::run::{Listener, Proof, ProofError, ground, options};
use crate::session::Session;

/// A port that it was not told is believed when it has been open for so long.
const STEADY: Duration = Duration::from_millis(700);
const OFTEN: Duration = Duration::from_millis(50);

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Discovered {
    /// It listens here, whatever it was told.
    pub port: Option<u16>,
    pub ready: Option<String>,
    pub live: Option<String>,
    /// Where it describes its interface.
    pub document: Option<String>,
    pub metrics: Option<String>,
    /// Requests that succeeded, as the text of a journey.
    pub journey: Option<String>,
    /// `/` is a page.
    pub pages: bool,
    /// It tried to reach something outside the lab, and was stopped.
    pub reached_out: bool,
    /// Why nothing was seen, if so.
    pub problem: Option<Note>,
}

/// Starts the service and looks. `routes` are requests that its source declares.
///
/// # Errors
/// When the lab cannot be set up.
pub async fn discover(
    session: &Session,
    proof: &Proof,
    routes: Vec<Request>,
    tell: &Listener,
) -> Result<Discovered, ProofError> {
    let redactor = redact::Redactor::default();
    let stage = |text: &str| tell(model::Event::Stage { text: text.to_owned() });
    let lab =
        Lab::open(proof.manifest.clone(), ground(session), options(proof), redactor.clone(), stage)
            .await?;
    stage("looking at the service: where it listens and what it answers");
    let recorder = Recorder::new(Instant::now(), redactor, None);
    let lab = Arc::new(lab);
    let bench = Bench::new(Arc::clone(&lab), recorder.clone(), Priority::Foreground, |_| {});
    let found = look(&bench, &recorder, routes).await;
    match found {
        Ok(found) => Ok(Discovered { reached_out: !lab.attempts().is_empty(), ..found }),
        // Whoever inferred the step may leave it out.
        Err(error @ LabError::StepFailed { step: "set-up", .. }) => Err(error.into()),
        Err(error) => {
            let other = || Note { text: error.to_string(), ..Note::default() };
            let problem = crate::notes::of_error(&error).unwrap_or_else(other);
            Ok(Discovered { problem: Some(problem), ..Discovered::default() })
        }
    }
}

async fn look(
    bench: &Bench,
    recorder: &Recorder,
    routes: Vec<Request>,
) -> Result<Discovered, LabError> {
    let trial = bench.trial("discovery");
    let mut instance = bench.instance().await?;
    let mut found = Discovered::default();
    if let Some(mut running) = instance.start(&trial, None).await? {
        let told = instance.peer();
        let patience = bench.patience();
        let peer = match listens(&mut running, &told, patience).await {
            Listens::AsTold => Some(told),
            Listens::At(address) => {
                found.port = Some(address.port());
                Some(Peer { tls: told.tls, ..Peer::from(address) })
            }
            Listens::Nowhere => None,
        };
        match peer {
            Some(peer) => {
                let document = paths::ask(&peer, &mut found).await;
                found.journey = journey::first(&peer, document.as_ref(), routes, &found).await;
            }
            None => found.problem = Some(problem(recorder)),
        }
        running.kill().await;
    } else {
        found.problem = Some(problem(recorder));
    }
    instance.end().await;
    Ok(found)
}

enum Listens {
    AsTold,
    At(SocketAddr),
    Nowhere,
}

/// Waits until it answers where it was told to, or listens somewhere else for a while.
async fn listens(running: &mut Running, told: &Peer, patience: Duration) -> Listens {
    let pids =
        || -> Vec<u32> { running.process().members().iter().map(|member| member.pid).collect() };
    let began = Instant::now();
    let mut elsewhere: Option<(SocketAddr, Instant)> = None;
    let other = loop {
        let all = sockets::listening(&pids());
        if all.iter().any(|address| address.port() == told.address.port()) {
            break None;
        }
        // The lowest: others are for debuggers and clusters, more often than not.
        match all.first().copied() {
            Some(address) => {
                let (known, since) = elsewhere.get_or_insert((address, Instant::now()));
                if known.port() != address.port() {
                    elsewhere = Some((address, Instant::now()));
                } else if since.elapsed() > STEADY {
                    break Some(*known);
                }
            }
            None => elsewhere = None,
        }
        if began.elapsed() > patience || running.process().exit().is_some() {
            // Its end and its last words belong to the trial.
            running.wait_ready(Duration::ZERO).await;
            return Listens::Nowhere;
        }
        tokio::time::sleep(OFTEN).await;
    };
    if let Some(address) = other {
        let ip = match address.ip() {
            ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            ip => ip,
        };
        return Listens::At(SocketAddr::new(ip, address.port()));
    }
    match running.wait_ready(patience).await {
        Readiness::Ready { .. } => Listens::AsTold,
        _ => Listens::Nowhere,
    }
}

/// Why it came to nothing, with its last lines.
fn problem(recorder: &Recorder) -> Note {
    let seen = recorder.finish().unwrap_or_default();
    let trials = controls::trials::by_trial(&seen);
    let Some(trial) = trials.first() else { return Note::default() };
    let why = match trial.broken() {
        Some(broken) => broken.witness(trial),
        None => "it did not answer".to_owned(),
    };
    let exited = seen.iter().any(|one| matches!(one.seen, Seen::Exited { .. }));
    let advice = if exited {
        "its output says what it misses; a variable is given with --env NAME=VALUE, another start \
         command behind --: seaworthy prove -- COMMAND"
    } else {
        "say how it starts: seaworthy prove -- COMMAND; or write a manifest: seaworthy init"
    };
    Note {
        text: format!("the service did not start: {why}"),
        advice: advice.to_owned(),
        log: trial.last_lines(),
    }
}
