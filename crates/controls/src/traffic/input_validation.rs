//! No input makes it fail: hostile and generated input gets 4xx, never 5xx.

mod generate;
mod openapi;
mod shrink;

use std::time::Duration;

use client::{Exchange, Request};
use lab::Bench;
use model::{Answer, Applicability, Card, Finding, Lane, Need, Outcome, Reach, Ruling};
use serde_json::Value;
use settings::Manifest;

use crate::control::Applies;
use crate::surface::judging::showing;
use crate::surface::tour::path_of;
use crate::surface::tries::REACHED;
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};

pub(crate) struct InputValidation;

const GENERATED: &str = "generated";
const WITNESS: &str = "witness";
const AFTER: &str = "afterwards";
/// How long an answer to odd input may take.
const WITHIN: Duration = Duration::from_secs(3);
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
        page: include_str!("input_validation.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("odd requests that reached a handler", &[GENERATED], REACHED)
            .needs(Need::Percent(10)),
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
        let document = document(bench, visitor).await;
        let good: Vec<Request> =
            tour.steps.iter().filter(|step| step.is_success()).map(|s| s.request.clone()).collect();
        let described = document.iter().flat_map(|document| openapi::requests(document, &good));
        let mut bases: Vec<Request> = good.clone();
        bases.extend(described);
        let mut seen_shapes = std::collections::BTreeSet::new();
        bases.retain(|request| {
            seen_shapes.insert(format!("{} {}", request.method, path_of(request)))
        });
        let most = usize::try_from(settings.requests).unwrap_or(usize::MAX);
        let variants = generate::variants(&bases, most);
        let mut shrunk: Vec<(String, String)> = Vec::new();
        let mut hanging = 0;
        for (count, variant) in variants.iter().enumerate() {
            if count % 50 == 0 {
                bench.progress(format!("{count} of {} odd requests", variants.len()));
            }
            let exchange = visitor.ask_within(GENERATED, &variant.request, WITHIN).await;
            let place = (path_of(&variant.base).to_owned(), variant.field.clone());
            if is_failure(settings, &exchange) && shrunk.len() < SHRUNK && !shrunk.contains(&place)
            {
                shrunk.push(place);
                let smallest = shrink::shrink(variant, |request| {
                    let (peer, settings) = (visitor.peer.clone(), settings.clone());
                    async move { is_failure(&settings, &peer.once(&request, WITHIN).await) }
                })
                .await;
                visitor.ask_within(WITNESS, &smallest, WITHIN).await;
            }
            hanging += usize::from(matches!(exchange.end, client::End::TimedOut { .. }));
            if !site.is_alive() || hanging >= HANGING {
                break;
            }
        }
        visitor.ask(AFTER, &tour.read(bench.manifest())).await;
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
        let failing = surface.labelled(WITNESS).chain(surface.labelled(GENERATED));
        let mut places = Vec::new();
        for answer in failing {
            let Some(cause) = cause(settings, answer) else { continue };
            let place = (cause, answer.request.method.clone(), answer.path().to_owned());
            // The request on which the process ended is told below.
            let ended = cause == "drops" && surface.trial.exit().is_some();
            if cause == "gone" || ended || places.contains(&place) {
                continue;
            }
            places.push(place);
            let shown: String = answer.request.body.chars().take(120).collect();
            let with = if shown.is_empty() { String::new() } else { format!(" with {shown:?}") };
            let text = format!("{}{with}: it {}", answer.asked(), answer.outcome.words());
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
        if findings.is_empty() && reached * 10 < count {
            let why = format!(
                "only {reached} of {count} odd requests got past the door (401, 403, 404, 405, 429)"
            );
            return Ruling::undecided(why);
        }
        if findings.is_empty() && surface.find(AFTER).is_some_and(|answer| !answer.is_success()) {
            findings.push(Finding::fail("does-not-recover", "afterwards a good request fails"));
        }
        let held = format!("{count} odd requests, none made it fail");
        Ruling::from_findings(held, findings)
    }
}

/// The declared document: a file beside the manifest, or what the service answers at a path.
async fn document(bench: &Bench, visitor: &Visitor<'_>) -> Option<Value> {
    let place = bench.manifest().controls.input_validation.openapi.as_ref()?;
    if place.starts_with('/') {
        let exchange = visitor.ask("document", &Request::get(place)).await;
        return serde_json::from_slice(&exchange.response?.body).ok();
    }
    let text = std::fs::read(bench.root().join(place)).ok()?;
    serde_json::from_slice(&text).ok()
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
        let odd = Answer { outcome, ..answer(GENERATED, "POST /a", 0) };
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
    fn a_closed_door_decides_nothing() {
        let seen = main(vec![answer(GENERATED, "POST /a", 401), answer(AFTER, "GET /", 200)]);
        assert_eq!(InputValidation.judged(&manifest(""), &seen).verdict(), Verdict::Inconclusive);
    }
}
