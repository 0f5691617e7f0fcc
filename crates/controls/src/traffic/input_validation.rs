//! No input makes it fail: hostile and generated input gets 4xx, never 5xx.

mod credentials;
mod document;
mod forms;
mod generate;
pub(crate) mod openapi;
mod shrink;

use std::time::Duration;

use client::{Exchange, Request};
use lab::Bench;
use model::declaration::A_JOURNEY;
use model::{Answer, Applicability, Card, Finding, Lane, Need, Outcome, Reach, Ruling};
use serde_json::Value;
use settings::Manifest;

use crate::control::Applies;
use crate::surface::internals;
use crate::surface::judging::showing;
use crate::surface::tour::{TourStep, path_of};
use crate::surface::tries::{REACHED, WHATEVER};
use crate::surface::visitor::PATIENCE;
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};
use generate::Variant;

pub(crate) struct InputValidation;

const GENERATED: &str = "generated";
/// A good request of each operation; and those whose credentials are odd.
const OPERATION: &str = "operation";
const CREDENTIALS: &str = "credentials";
const WITNESS: &str = "witness";
const AFTER: &str = "afterwards";
/// The declared document could not be read; about why.
const UNREAD: &str = "document unread";
/// How long an answer to odd input may take at least, and how many times a usual answer.
const WITHIN: Duration = Duration::from_secs(3);
const SLOWER: u32 = 20;
/// After so many that hang, more waiting teaches nothing.
const HANGING: usize = 3;
/// How many different failures are made smaller.
const SHRUNK: usize = 5;

impl SurfaceControl for InputValidation {
    const CARD: &'static Card = &Card {
        id: "input-validation",
        applicability: Applicability::Universal,
        reach: Reach::Lab,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 6,
        decided_by: &[A_JOURNEY],
        page: include_str!("input_validation.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("odd requests that reached a handler", &[GENERATED], REACHED)
            .needs(Need::Percent(10)),
        Tries::all("operations that reached a handler", &[OPERATION], REACHED).needs(Need::Told),
        Tries::each("requests without or with odd credentials", &[CREDENTIALS], WHATEVER),
        Tries::all("good requests afterwards", &[AFTER], REACHED),
    ];

    fn applies(manifest: &Manifest) -> Applies {
        let settings = &manifest.controls.input_validation;
        if settings.openapi.is_some() || !manifest.journeys.is_empty() {
            return Applies::Yes;
        }
        Applies::Undeclared(
            "declare what it takes: a journey, or [controls.input-validation] openapi = \
             \"openapi.json\""
                .to_owned(),
        )
    }

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let site = visitor.site();
        let tour = Tour::walk(bench, visitor).await;
        let settings = &bench.manifest().controls.input_validation;
        let document = match document::read(bench, visitor).await {
            Ok(document) => document,
            Err(why) => {
                visitor.fact(UNREAD, why, 1);
                None
            }
        };
        let (bases, origins) = bases(&tour, document.as_ref());
        let usual = visitor.peer.once(&tour.read(bench.manifest()), PATIENCE).await.took;
        let tries = Trying { bench, visitor, settings, within: WITHIN.max(usual * SLOWER) };
        let most = usize::try_from(settings.requests).unwrap_or(usize::MAX);
        visitor.plan(OPERATION, bases.len());
        for base in &bases {
            visitor.ask_within(OPERATION, base, tries.within).await;
        }
        let mut seen = Seen::default();
        tries.all(GENERATED, &generate::variants(&bases, most), &origins, &mut seen).await;
        visitor.ask(AFTER, &tour.read(bench.manifest())).await;
        // Last, because a door may close after some of these.
        if site.is_alive() {
            tries.all(CREDENTIALS, &credentials::variants(&bases), &origins, &mut seen).await;
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let settings = &manifest.controls.input_validation;
        let generated = surface.labelled(GENERATED);
        let count = generated.len();
        if count == 0 {
            return Ruling::undecided(
                "no request could be made odd: no journey succeeded, and no document was read",
            );
        }
        let mut findings: Vec<Finding> = Vec::new();
        let mut places = Vec::new();
        // Each was seen twice: the second time in a request of somebody new.
        for answer in surface.labelled(WITNESS) {
            let Some(cause) = cause(settings, answer) else { continue };
            let place = (cause, answer.request.method.clone(), answer.path().to_owned());
            // The request on which the process ended is told below.
            let ended = cause == "drops" && surface.trial.exit().is_some();
            if cause == "gone" || ended || places.contains(&place) {
                continue;
            }
            places.push(place);
            let text = format!("{}{}: it {}", answer.asked(), with(answer), answer.outcome.words());
            let text = match internals::shown(answer) {
                Some(shown) => format!("{text}; its answer shows {shown:?}"),
                None => text,
            };
            let mend = "check input where it comes in, and map what the database refuses to 4xx";
            findings.push(showing(Finding::fail(cause, text).fix(mend), answer));
        }
        if let Some((code, signal)) = surface.trial.exit() {
            let text = format!("the process ended (code {code:?}, signal {signal:?})");
            let mend =
                "no request may end the process: catch what is thrown at the edge of a request";
            findings.push(Finding::fail("crashes", text).fix(mend).log(surface.trial.few_lines()));
        }
        let looked_at = |answer: &Answer| {
            answer.status().is_some_and(|status| !matches!(status, 401 | 403 | 404 | 405 | 429))
        };
        let reached = surface.labelled(GENERATED).filter(|answer| looked_at(answer)).count();
        if findings.is_empty()
            && let Some((why, _)) = surface.facts(UNREAD).next()
        {
            return Ruling::undecided(why.to_owned());
        }
        if findings.is_empty() && reached * 10 < count {
            let why = format!(
                "only {reached} of {count} odd requests got past the door (401, 403, 404, 405, 429)"
            );
            return Ruling::undecided(why);
        }
        if findings.is_empty() && surface.find(AFTER).is_some_and(|answer| !answer.is_success()) {
            let mend =
                "look for what an odd request leaves behind: a broken connection, a held lock";
            let text = "afterwards a good request fails";
            findings.push(Finding::fail("does-not-recover", text).fix(mend));
        }
        let held = format!("{count} odd requests, none made it fail");
        Ruling::from_findings(held, findings)
    }
}

/// What was odd about a witness: its credentials, or its body.
fn with(answer: &Answer) -> String {
    let field = answer.label.strip_prefix(WITNESS).unwrap_or_default().trim_start();
    if let Some(name) = field.strip_prefix("header ") {
        let headers = answer.request.headers.iter();
        let value = headers.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = value.map(|(_, value)| value.as_str()).next().unwrap_or_default();
        return format!(" with {name}: {value:?}");
    }
    let shown: String = answer.request.body.chars().take(120).collect();
    match (field, shown.as_str()) {
        ("no credentials", _) => " without credentials".to_owned(),
        (_, "") => String::new(),
        // What is odd stands behind what is shown.
        _ if answer.request.body.len() > shown.len() && !field.is_empty() => {
            format!(" with {shown:?}, odd in {field}")
        }
        _ => format!(" with {shown:?}"),
    }
}

/// The requests to make odd: those of the journeys, each with its step, and those of the document.
fn bases<'a>(
    tour: &'a Tour,
    document: Option<&Value>,
) -> (Vec<Request>, Vec<(String, &'a TourStep)>) {
    let steps = tour.steps.iter().filter(|step| step.is_success());
    let origins: Vec<_> = steps.map(|step| (shape(&step.request), step)).collect();
    let good: Vec<Request> = origins.iter().map(|(_, step)| step.request.clone()).collect();
    let described = document.iter().flat_map(|document| openapi::requests(document, &good));
    let mut bases: Vec<Request> = good.clone();
    bases.extend(described);
    let mut seen = std::collections::BTreeSet::new();
    bases.retain(|request| seen.insert(shape(request)));
    (bases, origins)
}

/// What makes two requests the same operation: method, path and the names in the query.
fn shape(request: &Request) -> String {
    let query = request.target.split_once('?').map_or("", |(_, query)| query);
    let mut names: Vec<_> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
    names.sort_unstable();
    format!("{} {}?{}", request.method, path_of(request), names.join("&"))
}

/// What all odd requests of a run have in common.
struct Trying<'a> {
    bench: &'a Bench,
    visitor: &'a Visitor<'a>,
    settings: &'a settings::controls::InputValidation,
    within: Duration,
}

/// What was met so far.
#[derive(Default)]
struct Seen {
    /// Paths and places whose failure was looked at.
    looked_at: Vec<(String, String)>,
    confirmed: usize,
    hanging: usize,
}

impl Trying<'_> {
    /// Sends all of these, and looks closer at what fails.
    async fn all(
        &self,
        label: &str,
        variants: &[Variant],
        origins: &[(String, &TourStep)],
        seen: &mut Seen,
    ) {
        let site = self.visitor.site();
        for (count, variant) in variants.iter().enumerate() {
            if count % 50 == 0 {
                self.bench.progress(format!("{count} of {} odd requests", variants.len()));
            }
            let exchange = self.visitor.ask_within(label, &variant.request, self.within).await;
            let place = (path_of(&variant.base).to_owned(), variant.field.clone());
            let is_new = seen.confirmed < SHRUNK && !seen.looked_at.contains(&place);
            if is_failure(self.settings, &exchange) && is_new && site.is_alive() {
                seen.looked_at.push(place);
                let key = shape(&variant.base);
                let origin = origins.iter().find(|(known, _)| *known == key);
                let step = origin.map(|(_, step)| *step);
                seen.confirmed += usize::from(self.confirm(variant, step).await);
            }
            seen.hanging += usize::from(matches!(exchange.end, client::End::TimedOut { .. }));
            if !site.is_alive() || seen.hanging >= HANGING {
                break;
            }
        }
    }

    /// Tries the same oddity again in a request of somebody new, whose own request is answered well:
    /// what failed may have been a duplicate, or a slow moment. Whether it fails again.
    async fn confirm(&self, variant: &Variant, step: Option<&TourStep>) -> bool {
        let fresh = match step {
            Some(step) => self.fresh(step).await,
            None => None,
        };
        // Where nobody new comes that far, the same request says whether it was a slow moment.
        let fresh = fresh.unwrap_or_else(|| variant.base.clone());
        let Some(request) = generate::again(variant, &fresh) else { return false };
        let exchange = self.visitor.peer.once(&request, self.within).await;
        if !is_failure(self.settings, &exchange) {
            return self.confirm_as_it_was(variant).await;
        }
        // A request that fails unchanged has another fault than its input.
        if let Some(step) = step
            && let Some(unchanged) = self.fresh(step).await
        {
            let good = self.visitor.peer.once(&unchanged, self.within).await;
            if self.visitor.site().is_alive() && is_failure(self.settings, &good) {
                return false;
            }
        }
        let again = Variant { base: fresh, request, ..variant.clone() };
        let smallest = shrink::shrink(&again, |request| {
            let (peer, settings) = (self.visitor.peer.clone(), self.settings.clone());
            let within = self.within;
            async move { is_failure(&settings, &peer.once(&request, within).await) }
        })
        .await;
        let label = format!("{WITNESS} {}", variant.field);
        self.visitor.ask_within(&label, &smallest, self.within).await;
        true
    }

    /// What fails only on what is there by now, such as a page that was made before: the very same
    /// request fails again, and the unchanged one does not.
    async fn confirm_as_it_was(&self, variant: &Variant) -> bool {
        let peer = &self.visitor.peer;
        let good = peer.once(&variant.base, self.within).await;
        if is_failure(self.settings, &good) || !self.visitor.site().is_alive() {
            return false;
        }
        let again = peer.once(&variant.request, self.within).await;
        let confirmed = is_failure(self.settings, &again);
        if confirmed {
            let label = format!("{WITNESS} {}", variant.field);
            self.visitor.ask_within(&label, &variant.request, self.within).await;
        }
        confirmed
    }

    async fn fresh(&self, step: &TourStep) -> Option<Request> {
        let Some((name, at)) = &step.place else { return Some(step.request.clone()) };
        let (_, journey) = self.bench.journey(Some(name))?;
        let walk = self.visitor.person_before(journey, *at).await?;
        walk.request(&journey.entries[*at]).ok()
    }
}

fn is_failure(settings: &settings::controls::InputValidation, exchange: &Exchange) -> bool {
    match exchange.status() {
        Some(status) => status >= 500 && !settings.accept.contains(&status),
        None => true,
    }
}

/// What went wrong with an answer, if anything.
fn cause(settings: &settings::controls::InputValidation, answer: &Answer) -> Option<&'static str> {
    match &answer.outcome {
        Outcome::Answered { status } if *status < 500 => None,
        Outcome::Answered { status } if settings.accept.contains(status) => None,
        Outcome::Answered { .. } => Some("server-error"),
        Outcome::TimedOut { .. } => Some("hangs"),
        Outcome::Refused | Outcome::NotConnected => Some("gone"),
        _ => Some("drops"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn run(outcome: Outcome) -> model::Judgement {
        let odd = Answer { outcome, ..answer(WITNESS, "POST /a", 0) };
        InputValidation.judged(
            &manifest(""),
            &main(vec![answer(GENERATED, "POST /a", 400), odd, answer(AFTER, "GET /", 200)]),
        )
    }

    #[test]
    fn only_failures_of_the_server_fail() {
        for status in [200, 201, 400, 404, 422, 501] {
            assert_eq!(run(Outcome::Answered { status }).verdict(), Verdict::Pass, "{status}");
        }
        for (outcome, cause) in [
            (Outcome::Answered { status: 500 }, "server-error"),
            (Outcome::Closed { received: 0 }, "drops"),
            (Outcome::TimedOut { received: 0 }, "hangs"),
        ] {
            assert_eq!(run(outcome).findings[0].cause, cause);
        }
    }

    #[test]
    fn what_failed_once_and_was_not_confirmed_is_no_failure() {
        let seen = main(vec![
            answer(GENERATED, "POST /a", 500),
            answer(GENERATED, "POST /a", 400),
            answer(AFTER, "GET /", 200),
        ]);
        assert_eq!(InputValidation.judged(&manifest(""), &seen).verdict(), Verdict::Pass);
    }

    #[test]
    fn a_declared_document_that_is_not_read_decides_nothing() {
        let mut seen = main(vec![answer(GENERATED, "POST /a", 400), answer(AFTER, "GET /", 200)]);
        let trial = seen[0].trial.clone();
        let unread = fact(UNREAD, "the document openapi.yaml cannot be read: no such file", 1);
        seen.push(model::Observation { at: 9, trial, seen: unread });
        let judgement = InputValidation.judged(&manifest(""), &seen);
        assert_eq!(judgement.verdict(), Verdict::Inconclusive);
        assert!(judgement.summary.contains("openapi.yaml"), "{judgement:?}");
    }

    #[test]
    fn operations_are_told_apart_by_the_names_in_their_queries() {
        let shape = |target: &str| shape(&Request::get(target));
        assert_eq!(shape("/i?a=1&b=2"), shape("/i?b=3&a=4"));
        assert_ne!(shape("/index.php?title=A&action=edit"), shape("/index.php?title=A"));
    }

    #[test]
    fn a_closed_door_decides_nothing() {
        let seen = main(vec![answer(GENERATED, "POST /a", 401), answer(AFTER, "GET /", 200)]);
        assert_eq!(InputValidation.judged(&manifest(""), &seen).verdict(), Verdict::Inconclusive);
    }
}
