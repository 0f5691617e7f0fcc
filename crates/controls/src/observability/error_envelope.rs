//! Every error has one shape with code, message and status, and leaks nothing.

use std::time::{Duration, Instant};

use lab::fault::{Fault, Kind};
use lab::{Bench, Site, TrialLog};
use model::declaration::A_JOURNEY;
use model::{Answer, Applicability, Card, Finding, Lane, Need, Reach, Ruling, Severity};
use settings::Manifest;
use settings::Serves;
use settings::controls::Shape;

use crate::surface::internals;
use crate::surface::judging::{once_per_cause, showing};
use crate::surface::tour::{ERRORS, called};
use crate::surface::tries::{CAME, FAULT};
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};

pub(crate) struct ErrorEnvelope;

const UNAVAILABLE: &str = "dependency away";
impl SurfaceControl for ErrorEnvelope {
    const CARD: &'static Card = &Card {
        id: "error-envelope",
        applicability: Applicability::Universal,
        reach: Reach::Target,
        lane: Lane::Shared,
        disturbs: "its own instance and its dependencies",
        budget: 2,
        decided_by: &[A_JOURNEY],
        page: include_str!("error_envelope.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("provoked errors", ERRORS, CAME).needs(Need::AtLeast(2)),
        Tries::each("requests while a dependency is away", &[UNAVAILABLE], CAME).needs(Need::Told),
    ];

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let (site, trial) = (visitor.site(), visitor.trial());
        let tour = Tour::walk(bench, visitor).await;
        for (label, request) in tour.errors(bench.manifest(), site.is_target()) {
            visitor.ask(&label, &request).await;
        }
        let critical = bench.manifest().dependencies.iter().find(|(_, d)| d.critical);
        if let (Some(instance), Some((name, _))) = (site.instance(), critical) {
            visitor.plan(FAULT, 1);
            instance.fault(trial, name, Fault::new(Kind::Refuse), "refused").await;
            until_noticed(bench, site, trial).await;
            let steps: Vec<_> =
                tour.steps.iter().filter(|step| step.is_success()).take(4).collect();
            visitor.plan(UNAVAILABLE, steps.len());
            for step in steps {
                visitor.ask(UNAVAILABLE, &step.request).await;
            }
            instance.heal(trial, name).await;
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let is_ours = |answer: &&Answer| {
            answer.is_error()
                && answer.request.method != "HEAD"
                && manifest.serves(answer.path()) == Serves::Api
        };
        let errors: Vec<&Answer> = surface.answers.iter().copied().filter(is_ours).collect();
        let mut kinds: Vec<u16> = errors.iter().filter_map(|answer| answer.status()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let mut findings: Vec<Finding> = errors.iter().filter_map(|answer| leak(answer)).collect();
        if kinds.len() < 2 {
            let provoked = match kinds.first() {
                None => "no error".to_owned(),
                Some(status) => format!("only one kind of error ({status})"),
            };
            let why = format!(
                "{provoked} could be provoked; a journey with a body and a login shows more"
            );
            // What is wrong with one error by itself needs no second to compare.
            findings.extend(errors.iter().filter_map(|answer| shape(manifest, answer)));
            let findings = once_per_cause(findings, errors.len().max(1));
            if findings.iter().any(|finding| finding.severity == Severity::Fail) {
                return Ruling::from_findings("", findings);
            }
            return Ruling::undecided(why).with(findings);
        }
        findings.extend(errors.iter().filter_map(|answer| shape(manifest, answer)));
        findings.extend(differs(manifest, &errors));
        let kinds: Vec<_> = kinds.iter().map(ToString::to_string).collect();
        let held = format!("one shape for {}", kinds.join(", "));
        Ruling::from_findings(held, once_per_cause(findings, errors.len()))
    }
}

/// A service may notice a loss in the background and answer otherwise from then on: waits until its
/// readiness tells so, or the declared lag is over.
async fn until_noticed(bench: &Bench, site: &Site, trial: &TrialLog) {
    let lag = bench.manifest().service.ready.as_ref().map_or(Duration::ZERO, |ready| ready.0.lag.0);
    let deadline = Instant::now() + lag;
    let Some(running) = site.running() else { return };
    while running.ask_ready(trial, Duration::from_secs(2)).await.is_accepted()
        && Instant::now() < deadline
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn leak(answer: &Answer) -> Option<Finding> {
    let around = internals::shown(answer)?;
    let text =
        format!("the {} of {} shows {around:?}", answer.status().unwrap_or(0), called(answer));
    let mend = "log it with the request's id, and answer a code that stays";
    Some(showing(Finding::fail("leaks-internals", text).fix(mend), answer))
}

/// What is wrong with one error by itself.
fn shape(manifest: &Manifest, answer: &Answer) -> Option<Finding> {
    let settings = &manifest.controls.error_envelope;
    let status = answer.status()?;
    let label = &called(answer);
    let fail = |cause: &str, text: String, mend: &str| {
        Some(showing(Finding::fail(cause, text).fix(mend), answer))
    };
    let own = "the framework's own errors (404, 405, 415, broken JSON) need the handler, too";
    if answer.bytes == 0 {
        return fail("empty", format!("{label}: {status} without a body"), own);
    }
    let problem = settings.shape == Some(Shape::Problem);
    let kind = answer.media_type();
    if !answer.is_json() || problem && kind != "application/problem+json" {
        let expected = if problem { "application/problem+json" } else { "JSON" };
        let text = format!("{label}: expected {expected} with {status}, found {kind:?}");
        return fail("not-json", text, own);
    }
    let Some(serde_json::Value::Object(body)) = answer.json() else {
        return fail("not-json", format!("{label}: the body of {status} is no JSON object"), own);
    };
    let stated = ["status", "statusCode"].iter().find_map(|name| body.get(*name)?.as_u64());
    if let Some(stated) = stated.filter(|stated| *stated != u64::from(status)) {
        let text = format!("{label}: the answer is {status}, its body says {stated}");
        return fail("wrong-status", text, "set both from one place (RFC 9457, 3.1.2)");
    }
    let missing = settings.fields.iter().find(|field| !body.contains_key(*field))?;
    let found: Vec<_> = body.keys().cloned().collect();
    let text = format!("{label}: {status} has no {missing:?}, found {}", found.join(", "));
    fail("missing-field", text, own)
}

/// Without declared members, all errors must at least have one in common.
fn differs(manifest: &Manifest, errors: &[&Answer]) -> Option<Finding> {
    let settings = &manifest.controls.error_envelope;
    if !settings.fields.is_empty() || settings.shape == Some(Shape::Problem) {
        return None;
    }
    let mut common: Option<(Vec<String>, &Answer)> = None;
    for answer in errors {
        let Some(serde_json::Value::Object(body)) = answer.json() else { continue };
        let keys: Vec<String> = body.keys().cloned().collect();
        common = match common {
            None => Some((keys, answer)),
            Some((known, first)) => {
                let both: Vec<_> = known.iter().filter(|key| keys.contains(key)).cloned().collect();
                if both.is_empty() {
                    let text = format!(
                        "{}: {} has {}; {}: {} has {}",
                        called(first),
                        first.status().unwrap_or(0),
                        known.join(", "),
                        called(answer),
                        answer.status().unwrap_or(0),
                        keys.join(", ")
                    );
                    let mend = "answer every error with the same members";
                    return Some(showing(Finding::fail("differs", text).fix(mend), answer));
                }
                Some((both, first))
            }
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn judged(more: &str, second: Answer) -> model::Judgement {
        let first = answer("unknown path", "GET /x", 404).json(r#"{"code":"none","status":404}"#);
        ErrorEnvelope.judged(&manifest(more), &main(vec![first, second]))
    }

    #[test]
    fn one_shape_passes() {
        let second =
            answer("malformed body", "POST /a", 400).json(r#"{"code":"bad","status":400}"#);
        assert_eq!(judged("", second).verdict(), Verdict::Pass);
    }

    #[test]
    fn each_way_of_being_different_has_its_cause() {
        let error = || answer("wrong method", "PUT /a", 405);
        for (second, cause) in [
            (error(), "empty"),
            (error().saying("<h1>").with("Content-Type", "text/html"), "not-json"),
            (error().json(r#"{"code":"x","status":404}"#), "wrong-status"),
            (error().json(r#"{"fault":"x"}"#), "differs"),
            (error().json(r#"{"code":"at f (a.js:1:2)"}"#), "leaks-internals"),
        ] {
            assert_eq!(judged("", second).findings[0].cause, cause);
        }
        let declared = "[controls.error-envelope]\nfields = [\"code\", \"message\"]\n";
        let judgement = judged(declared, error().json(r#"{"code":"x","message":"y"}"#));
        assert_eq!(judgement.findings[0].cause, "missing-field");
    }

    #[test]
    fn a_single_page_app_answers_unknown_paths_and_pages_have_their_own_errors() {
        let html = "[surfaces.pages]\nprefix = \"/pages\"\nserves = \"html\"\n";
        let page = answer("unknown path (pages)", "GET /pages/x", 404)
            .saying("<h1>")
            .with("Content-Type", "text/html");
        assert_eq!(judged(html, page).verdict(), Verdict::Inconclusive);
    }
}
