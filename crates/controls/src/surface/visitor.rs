//! Sending a request and recording all that came back.

use std::time::Duration;

use client::{End, Exchange, NotConnected, Peer, Request};
use journey::{Entry, Journey, Walk};
use lab::{Site, TrialLog};
use model::{Answer, Asked, Seen};
use settings::Manifest;

use crate::surface::limiter::Limiter;
use crate::surface::secrets;
use crate::work_request;

/// How long an answer may take before it counts as none.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// The fact that there was no connection, about the reason.
pub(crate) const NOT_CONNECTED: &str = "not connected";
/// How much of a request's body is kept.
const KEPT: usize = 2048;

/// Sends requests to one peer and records them.
#[derive(Debug, Clone)]
pub(crate) struct Visitor<'a> {
    pub(crate) peer: Peer,
    site: &'a Site,
    trial: &'a TrialLog,
    /// So much of a body is kept.
    kept: usize,
    limiter: Limiter,
}

impl<'a> Visitor<'a> {
    pub(crate) fn new(manifest: &Manifest, site: &'a Site, trial: &'a TrialLog) -> Self {
        let limiter = Limiter::new(&manifest.classes());
        Self { peer: site.peer().clone(), site, trial, kept: Answer::KEPT, limiter }
    }

    /// The same visitor at another of the service's ports.
    pub(crate) fn at(&self, peer: Peer) -> Self {
        Self { peer, ..self.clone() }
    }

    /// The same visitor, who keeps more of what is answered.
    pub(crate) fn keeping(&self, bytes: usize) -> Self {
        Self { kept: bytes, ..self.clone() }
    }

    pub(crate) fn trial(&self) -> &TrialLog {
        self.trial
    }

    pub(crate) fn site(&self) -> &Site {
        self.site
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn ask(&self, label: &str, request: &Request) -> Exchange {
        self.ask_within(label, request, PATIENCE).await
    }

    pub(crate) async fn ask_within(
        &self,
        label: &str,
        request: &Request,
        within: Duration,
    ) -> Exchange {
        let exchange = self.send(request, within).await;
        self.saw(label, request, &exchange);
        exchange
    }

    /// Sends what stands for a step of a journey, and records whether the answer is what the step
    /// expects: a form that is refused is often shown again with 200.
    pub(crate) async fn ask_as_step(
        &self,
        label: &str,
        request: &Request,
        entry: &Entry,
        within: Duration,
    ) -> Exchange {
        let exchange = self.send(request, within).await;
        let expected = self.person().check(entry, &exchange).is_ok();
        self.saw_as(label, request, &exchange, Some(expected));
        exchange
    }

    /// Sends a request, and again where the service's limiter asks for patience.
    pub(crate) async fn send(&self, request: &Request, within: Duration) -> Exchange {
        loop {
            let exchange = self.peer.once(request, within).await;
            match self.limiter.pause_after(&exchange) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return exchange,
            }
        }
    }

    /// Says how many tries of a group will be made, before they are.
    pub(crate) fn plan(&self, group: &str, tries: usize) {
        let tries = u32::try_from(tries).unwrap_or(u32::MAX);
        self.trial.saw(Seen::Planned { group: group.to_owned(), tries });
    }

    /// Records a fact that no answer shows.
    pub(crate) fn fact(&self, name: &str, about: impl Into<String>, value: i64) {
        self.trial.saw(Seen::Fact { name: name.to_owned(), about: about.into(), value });
    }

    /// Records an exchange.
    pub(crate) fn saw(&self, label: &str, request: &Request, exchange: &Exchange) {
        self.saw_as(label, request, exchange, None);
    }

    fn saw_as(
        &self,
        label: &str,
        request: &Request,
        exchange: &Exchange,
        as_expected: Option<bool>,
    ) {
        if let End::NotConnected(NotConnected::Other(why)) = &exchange.end {
            self.fact(NOT_CONNECTED, why.as_str(), 0);
        }
        let response = exchange.response.as_ref();
        if let Some(response) = response {
            secrets::learn_given(self.trial.redactor(), response);
        }
        let body = response.map_or(&[][..], |response| &response.body);
        let answer = Answer {
            label: label.to_owned(),
            request: asked(request),
            outcome: work_request::outcome(exchange),
            headers: response.map(|response| response.headers.clone()).unwrap_or_default(),
            body: shortened(body, self.kept),
            bytes: body.len() as u64,
            took_us: work_request::micros(exchange.took),
            as_expected,
        };
        self.trial.saw_at(exchange.began + exchange.took, Seen::Answer(answer));
    }

    /// Somebody new, who knows what the service was given.
    pub(crate) fn person(&self) -> Walk {
        let mut walk = Walk::new(self.peer.clone(), PATIENCE);
        for (name, value) in self.site.values() {
            walk.set(&format!("environment.{name}"), value);
        }
        walk
    }

    /// A new person who has taken the first steps of a journey. `None` when one of them failed.
    pub(crate) async fn person_before(&self, journey: &Journey, step: usize) -> Option<Walk> {
        let mut walk = self.person();
        for entry in &journey.entries[..step] {
            let request = walk.request(entry).ok()?;
            let exchange = self.send(&request, PATIENCE).await;
            secrets::learn(self.trial.redactor(), &request, exchange.response.as_ref());
            walk.check(entry, &exchange).ok()?;
        }
        Some(walk)
    }

    /// Takes a step and records it. What was sent, what came back, and whether it was as expected.
    pub(crate) async fn step(
        &self,
        label: &str,
        walk: &mut Walk,
        entry: &Entry,
    ) -> Option<(Request, Exchange, Result<(), String>)> {
        let request = walk.request(entry).ok()?;
        let exchange = self.send(&request, PATIENCE).await;
        let result = walk.check(entry, &exchange).map_err(|error| error.to_string());
        secrets::learn(self.trial.redactor(), &request, exchange.response.as_ref());
        self.saw_as(label, &request, &exchange, Some(result.is_ok()));
        Some((request, exchange, result))
    }
}

fn asked(request: &Request) -> Asked {
    Asked {
        method: request.method.clone(),
        target: request.target.clone(),
        headers: request.headers.clone(),
        body: shortened(&request.body, KEPT),
    }
}

/// The beginning of a body as text.
fn shortened(body: &[u8], most: usize) -> String {
    String::from_utf8_lossy(&body[..body.len().min(most)]).into_owned()
}
