//! The request that stands for the service's work: declared, or a step of a journey.

use std::time::{Duration, Instant};

use client::{End, Exchange, NotConnected, Request};
use journey::{Entry, Walk};
use lab::{Bench, Instance, Trial};
use model::{Outcome, Seen};

/// A request that can be sent again and again, as somebody who has come that far.
#[derive(Debug, Clone)]
pub(crate) struct Business {
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Declared(Request),
    Step { walk: Box<Walk>, entry: Box<Entry> },
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

impl Business {
    /// Walks the journey to its end, which is the positive control, and keeps its last step with
    /// a body, or its last one. `None` when nothing is declared or the journey does not pass.
    pub(crate) async fn prepare(
        bench: &Bench,
        instance: &Instance,
        trial: &Trial,
        request: Option<&str>,
        journey: Option<&str>,
    ) -> Option<Self> {
        if let Some(text) = request {
            return Some(Self { what: What::Declared(declared(text)) });
        }
        let (name, journey) = bench.journey(journey)?;
        let mut walk = Walk::new(instance.address(), PATIENCE);
        let result = walk.whole(journey, |_, _| {}).await;
        let failure = result.as_ref().err().map(ToString::to_string);
        trial.saw(Seen::Walked { journey: name.to_owned(), failure });
        result.ok()?;
        let with_body = |entry: &&Entry| entry.body.is_some() || !entry.form.is_empty();
        let entries = &journey.entries;
        let entry = entries.iter().rfind(with_body).or(entries.last())?.clone();
        Some(Self { what: What::Step { walk: Box::new(walk), entry: Box::new(entry) } })
    }

    /// The request, made anew: a `{{newUuid}}` in it is another one each time.
    pub(crate) fn request(&self) -> Option<Request> {
        match &self.what {
            What::Declared(request) => Some(request.clone()),
            What::Step { walk, entry } => walk.request(entry).ok(),
        }
    }
}

/// Sends a request on a connection of its own and records what became of it.
pub(crate) async fn send(
    instance: &Instance,
    trial: &Trial,
    client: &str,
    request: &Request,
    within: Duration,
) -> Outcome {
    let exchange = client::once(instance.address(), request, within).await;
    saw(trial, client, request, &exchange)
}

/// Records an exchange; its end is now.
pub(crate) fn saw(trial: &Trial, client: &str, request: &Request, exchange: &Exchange) -> Outcome {
    let outcome = outcome(exchange);
    trial.saw_at(
        exchange.began + exchange.took,
        Seen::Exchanged {
            client: client.to_owned(),
            request: format!("{} {}", request.method, request.target),
            outcome: outcome.clone(),
            took: micros(exchange.took),
            reused: exchange.reused,
        },
    );
    outcome
}

fn outcome(exchange: &Exchange) -> Outcome {
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
