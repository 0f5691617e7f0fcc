//! The request that stands for the service's work: declared, or a step of a journey.

use std::time::{Duration, Instant};

use client::{End, Exchange, NotConnected, Request};
use journey::{Entry, Journey, Walk};
use lab::{Bench, Instance, TrialLog};
use model::{Outcome, Seen};

/// A request that can be sent again and again, each time by somebody who has come that far.
#[derive(Debug)]
pub(crate) struct WorkRequest {
    what: What,
}

#[derive(Debug)]
enum What {
    Declared(Request),
    Step {
        /// What comes before the step.
        way: Journey,
        step: Box<Entry>,
        /// Those who stand before the step.
        persons: Vec<Walk>,
    },
}

/// How long a request may take when all is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// `GET /items` as a request.
pub(crate) fn declared(text: &str) -> Request {
    let (method, target) = text.split_once(' ').unwrap_or(("GET", text));
    Request::new(method, target.trim())
}

/// Whether the manifest says how to make one.
pub(crate) fn is_declared(manifest: &settings::Manifest, request: Option<&str>) -> bool {
    request.is_some() || !manifest.journeys.is_empty()
}

impl WorkRequest {
    /// Walks the journey to its end, which is the positive control, and then as many persons up
    /// to its last step with a body (or its last one). `None` when nothing is declared or the
    /// journey does not pass.
    pub(crate) async fn prepare(
        bench: &Bench,
        instance: &Instance,
        trial: &TrialLog,
        declared_request: Option<&str>,
        journey: Option<&str>,
        persons: usize,
    ) -> Option<Self> {
        if let Some(text) = declared_request {
            return Some(Self { what: What::Declared(declared(text)) });
        }
        let (name, journey) = bench.journey(journey)?;
        let mut walk = person(instance, PATIENCE);
        let result = walk.whole(journey, |_, _| {}).await;
        let failure = result.as_ref().err().map(ToString::to_string);
        let steps = u32::try_from(journey.entries.len()).unwrap_or(u32::MAX);
        trial.saw(Seen::Walked { journey: name.to_owned(), failure, steps });
        result.ok()?;
        let with_body = Entry::has_body;
        let entries = &journey.entries;
        let last = entries.iter().rposition(with_body).unwrap_or(entries.len() - 1);
        let way = Journey { entries: entries[..last].to_vec() };
        let step = Box::new(entries[last].clone());
        let mut ready = Vec::new();
        for _ in 0..persons {
            let mut walk = person(instance, PATIENCE);
            walk.whole(&way, |_, _| {}).await.ok()?;
            ready.push(walk);
        }
        Some(Self { what: What::Step { way, step, persons: ready } })
    }

    /// The request of the next person.
    pub(crate) fn request(&mut self) -> Option<Request> {
        match &mut self.what {
            What::Declared(request) => Some(request.clone()),
            What::Step { step, persons, .. } => persons.pop()?.request(step).ok(),
        }
    }

    /// A new person tries all of it. What became of the last request that was sent.
    pub(crate) async fn try_anew(
        &self,
        instance: &Instance,
        trial: &TrialLog,
        client: &str,
        within: Duration,
    ) -> Outcome {
        let (way, step) = match &self.what {
            What::Declared(request) => return send(instance, trial, client, request, within).await,
            What::Step { way, step, .. } => (way, step),
        };
        let mut walk = person(instance, within);
        for entry in way.entries.iter().chain([&**step]) {
            let Ok((exchange, result)) = walk.step(entry).await else { break };
            let is_last = std::ptr::eq(entry, &**step);
            if result.is_err() || is_last {
                let request = Request::new(&entry.method, &entry.url);
                return saw(trial, client, &request, &exchange);
            }
        }
        Outcome::NotConnected
    }
}

/// Somebody new, who knows what the service was given: `{{environment.API_KEY}}`.
fn person(instance: &Instance, within: Duration) -> Walk {
    let mut walk = Walk::new(instance.peer(), within);
    for (name, value) in instance.values() {
        walk.set(&format!("environment.{name}"), &value);
    }
    walk
}

/// Sends a request on a connection of its own and records what became of it.
pub(crate) async fn send(
    instance: &Instance,
    trial: &TrialLog,
    client: &str,
    request: &Request,
    within: Duration,
) -> Outcome {
    let exchange = instance.peer().once(request, within).await;
    saw(trial, client, request, &exchange)
}

/// Records an exchange; its end is now.
pub(crate) fn saw(
    trial: &TrialLog,
    client: &str,
    request: &Request,
    exchange: &Exchange,
) -> Outcome {
    let outcome = outcome(exchange);
    trial.saw_at(
        exchange.began + exchange.took,
        Seen::Exchanged {
            client: client.to_owned(),
            request: format!("{} {}", request.method, short(&request.target)),
            outcome: outcome.clone(),
            took_us: micros(exchange.took),
            reused: exchange.reused,
        },
    );
    outcome
}

/// A target as a person would name it: without its query where that is long.
fn short(target: &str) -> String {
    let path = target.split('?').next().unwrap_or(target);
    match target.len() {
        0..=80 => target.to_owned(),
        _ if path.len() <= 80 => format!("{path}?…"),
        _ => path.chars().take(79).chain(['…']).collect(),
    }
}

pub(crate) fn outcome(exchange: &Exchange) -> Outcome {
    let count = |received: usize| received as u64;
    match &exchange.end {
        End::Complete => Outcome::Answered { status: exchange.status().unwrap_or_default() },
        End::NotConnected(NotConnected::Refused) => Outcome::Refused,
        End::NotConnected(_) => Outcome::NotConnected,
        End::Closed { received } => Outcome::Closed { received: count(*received) },
        End::Reset { received } => Outcome::Reset { received: count(*received) },
        End::TimedOut { received } => Outcome::TimedOut { received: count(*received) },
        End::NotHttp { .. } => Outcome::NotHttp,
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Microseconds since a moment.
pub(crate) fn since(moment: Instant) -> u64 {
    micros(moment.elapsed())
}
