//! Every request has an id, echoed, and found again in the logs.

use client::Request;
use lab::Bench;
use model::{Answer, Applicability, Card, Finding, Lane, Reach, Ruling, Seen, Severity};
use settings::Manifest;

use crate::surface::judging::{once_per_cause, showing};
use crate::surface::tries::ANSWERED;
use crate::surface::{LOGGED_WITHIN, Surface, SurfaceControl, Tour, Tries, Visitor};

pub(crate) struct CorrelationIds;

const OWN_UUID: &str = "uuid";
const OWN: &str = "own id";
const OWN_ERROR: &str = "own id on an error";
const NONE: &str = "no id";
const NONE_ERROR: &str = "no id on an error";
const HOSTILE: &str = "hostile id";
const NOT_IN_LOGS: &str = "not-in-logs";
/// The usual headers, the first that an answer carries counts.
const USUAL: [&str; 5] =
    ["x-request-id", "x-correlation-id", "request-id", "correlation-id", "x-trace-id"];
/// Longer than any id needs to be, short enough for every server's limit on headers.
const LONG: usize = 3000;

impl SurfaceControl for CorrelationIds {
    const CARD: &'static Card = &Card {
        id: "correlation-ids",
        applicability: Applicability::Universal,
        reach: Reach::Target,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 2,
        decided_by: &[],
        page: include_str!("correlation_ids.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("requests without an id", &[NONE, NONE_ERROR], ANSWERED).planned(3),
        Tries::all("requests with an id", &[OWN, OWN_ERROR], ANSWERED).planned(2),
        Tries::each("requests with a UUID", &[OWN_UUID], ANSWERED),
        Tries::all("requests with a hostile id", &[HOSTILE], ANSWERED).planned(2),
    ];

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let trial = visitor.trial();
        let manifest = bench.manifest();
        let tour = Tour::walk(bench, visitor).await;
        let read = tour.read(bench.manifest());
        let errors = tour.errors(manifest, true);
        let error = errors.into_iter().next().map_or_else(|| read.clone(), |(_, request)| request);
        let declared = manifest.controls.correlation_ids.header.as_deref();
        let with = |request: &Request, id: &str| match declared {
            Some(name) => request.clone().header(name, id),
            None => request.clone().header("X-Request-Id", id).header("X-Correlation-Id", id),
        };
        visitor.ask(NONE, &read).await;
        visitor.ask(NONE, &read).await;
        visitor.ask(NONE_ERROR, &error).await;
        for (label, request) in [(OWN, &read), (OWN_ERROR, &error)] {
            let id: String = std::iter::repeat_with(fastrand::alphanumeric).take(24).collect();
            let exchange = visitor.ask(label, &with(request, &id)).await;
            let given = exchange.response.as_ref().and_then(|response| {
                response
                    .headers
                    .iter()
                    .find(|(name, _)| is_id(declared, name))
                    .map(|(_, id)| id.clone())
            });
            if let Some(given) = given {
                trial.wait_for_output(&given, LOGGED_WITHIN).await;
            }
        }
        let id = uuid();
        visitor.ask(OWN_UUID, &with(&read, &id)).await;
        for id in ["<script>alert(1)</script>".to_owned(), "a".repeat(LONG)] {
            visitor.ask(HOSTILE, &with(&read, &id)).await;
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let settings = &manifest.controls.correlation_ids;
        let declared = settings.header.as_deref();
        let plain: Vec<_> = surface.labelled(NONE).filter(|a| a.label == NONE).collect();
        if plain.iter().all(|answer| answer.status().is_none()) {
            return Ruling::undecided("no request was answered");
        }
        let mut findings = Vec::new();
        let made: Vec<_> =
            plain.iter().filter_map(|answer| id_in(declared, &answer.headers)).collect();
        if made.is_empty() {
            let text = format!(
                "the answer carries none of {}",
                declared.map_or(USUAL.join(", "), str::to_owned)
            );
            let findings = vec![failed("no-id", text, plain[0])];
            return Ruling::from_findings("", findings);
        }
        if made.len() == 2 && made[0] == made[1] {
            let text = format!("two requests were given {}", made[0]);
            findings.push(failed("not-unique", text, plain[0]));
        }
        for answer in surface.labelled(NONE_ERROR).chain(surface.labelled(OWN_ERROR)) {
            if answer.status().is_some() && id_in(declared, &answer.headers).is_none() {
                let text = format!(
                    "{} answered {} without an id",
                    answer.asked(),
                    answer.status().unwrap_or(0)
                );
                findings.push(failed("not-on-errors", text, answer));
            }
        }
        findings.extend(about_echo(settings, surface));
        findings.extend(surface.labelled(HOSTILE).filter_map(|a| about_hostile(declared, a)));
        let silent = surface.trial.was_started() && lines_since(surface) == 0;
        if silent {
            findings.retain(|finding| finding.cause != NOT_IN_LOGS);
            let failed = findings.iter().any(|finding| finding.severity == Severity::Fail);
            if !failed {
                let why = "it wrote nothing while it was asked, so nothing says that its log was \
                           seen: let it log requests, or declare service.log_file";
                return Ruling::undecided(why).with(findings);
            }
        }
        let held = "made, echoed, on errors too, and found in the logs";
        Ruling::from_findings(held, once_per_cause(findings, surface.answers.len()))
    }
}

/// How many lines it wrote since it was first asked.
fn lines_since(surface: &Surface<'_>) -> usize {
    let seen = &surface.trial.seen;
    let first = seen.iter().find(|observation| matches!(observation.seen, Seen::Answer(_)));
    let first = first.map_or(u64::MAX, |first| first.at);
    let later = seen.iter().filter(|observation| observation.at >= first);
    later.filter(|observation| matches!(observation.seen, Seen::Output { .. })).count()
}

fn id_in<'a>(declared: Option<&str>, headers: &'a [(String, String)]) -> Option<&'a str> {
    headers.iter().find(|(name, _)| is_id(declared, name)).map(|(_, id)| id.as_str())
}

fn failed(cause: &str, text: String, answer: &Answer) -> Finding {
    let mend = "make an id where there is none, put it into every answer and every line of the log";
    showing(Finding::fail(cause, text).fix(mend), answer)
}

/// Whether the ids that callers sent came back, and are in the logs.
fn about_echo(
    settings: &settings::controls::CorrelationIds,
    surface: &Surface<'_>,
) -> Vec<Finding> {
    let declared = settings.header.as_deref();
    let ids = |answer: &Answer| {
        let own = |headers: &[(String, String)]| id_in(declared, headers).map(str::to_owned);
        (own(&answer.request.headers), own(&answer.headers))
    };
    let takes_uuids = surface.find(OWN_UUID).is_some_and(|answer| {
        let (sent, got) = ids(answer);
        sent.is_some() && sent == got
    });
    let mut findings = Vec::new();
    for answer in surface.find(OWN).into_iter().chain(surface.find(OWN_ERROR)) {
        let (Some(sent), got) = ids(answer) else { continue };
        // An error without an id has its own cause.
        let Some(got) = got else {
            if answer.label == OWN {
                let text = format!("sent {sent}, the answer carries no id");
                findings.push(failed("not-echoed", text, answer));
            }
            continue;
        };
        if settings.accept && sent != got && takes_uuids {
            let text = format!("ids that are no UUIDs are replaced: sent {sent}");
            findings.push(showing(Finding::note("takes-uuids-only", text), answer));
        } else if settings.accept && sent != got {
            let text = format!("sent {sent}, the answer says {got}");
            findings.push(failed("not-echoed", text, answer));
        }
        findings.extend(about_logs(surface, answer, &got));
    }
    findings
}

/// Whether an id was taken over that nobody should trust.
fn about_hostile(declared: Option<&str>, answer: &Answer) -> Option<Finding> {
    let sent = id_in(declared, &answer.request.headers)?;
    if id_in(declared, &answer.headers) != Some(sent) {
        return None;
    }
    if sent.len() >= LONG {
        let text = format!("an id of {LONG} characters is taken over as it is");
        return Some(failed("takes-anything", text, answer));
    }
    let text = format!("{sent} is taken over");
    let mend =
        "take over only what looks like an id: letters, digits and dashes, up to 128 of them";
    Some(showing(Finding::warn("takes-markup", text).fix(mend), answer))
}

/// A random UUID (RFC 9562, version 4).
fn uuid() -> String {
    let n = (fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{n:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn is_id(declared: Option<&str>, name: &str) -> bool {
    match declared {
        Some(declared) => declared.eq_ignore_ascii_case(name),
        None => USUAL.iter().any(|usual| usual.eq_ignore_ascii_case(name)),
    }
}

/// Whether the id of an answer stands in the log. In a target the log cannot be seen.
fn about_logs(surface: &Surface<'_>, answer: &Answer, id: &str) -> Option<Finding> {
    if !surface.trial.was_started() {
        let text = "the log of a deployed service cannot be seen from here";
        return Some(Finding::note("logs-not-seen", text));
    }
    if surface.lines().any(|line| line.contains(id)) {
        return None;
    }
    let lines = surface.lines().count();
    let text = format!("{id} stands in none of the {lines} lines that it wrote");
    let mend = "write one line for each request, with its id";
    Some(showing(Finding::fail(NOT_IN_LOGS, text).fix(mend), answer).log(surface.trial.few_lines()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use crate::trials::build::line;
    use model::{Observation, Verdict};

    fn run(own: Answer, logged: &str) -> model::Judgement {
        let with = |label: &str, id: &str| answer(label, "GET /a", 200).with("X-Request-Id", id);
        let mut seen =
            main(vec![with(NONE, "one"), with(NONE, "two"), with(NONE_ERROR, "three"), own]);
        let trial = seen[0].trial.clone();
        seen.push(Observation { at: 9_000_000, trial, seen: line(logged) });
        CorrelationIds.judged(&manifest(""), &seen)
    }

    fn own(got: &str) -> Answer {
        answer(OWN, "GET /a", 200).asking("X-Request-Id", "mine").with("x-request-id", got)
    }

    #[test]
    fn an_id_that_is_echoed_and_logged_passes() {
        assert_eq!(run(own("mine"), "GET /a id=mine").verdict(), Verdict::Pass);
    }

    #[test]
    fn each_break_has_its_cause() {
        assert_eq!(run(own("mine"), "GET /a").findings[0].cause, "not-in-logs");
        assert_eq!(run(own("other"), "other").findings[0].cause, "not-echoed");
        let none = main(vec![answer(NONE, "GET /a", 200), answer(NONE, "GET /a", 200)]);
        assert_eq!(CorrelationIds.judged(&manifest(""), &none).findings[0].cause, "no-id");
    }

    #[test]
    fn a_silent_service_decides_nothing() {
        let with = |label: &str, id: &str| answer(label, "GET /a", 200).with("X-Request-Id", id);
        let seen =
            main(vec![with(NONE, "one"), with(NONE, "two"), with(NONE_ERROR, "3"), own("mine")]);
        let judgement = CorrelationIds.judged(&manifest(""), &seen);
        assert_eq!(judgement.verdict(), Verdict::Inconclusive, "{judgement:?}");
    }

    #[test]
    fn a_deployed_service_is_judged_without_its_log() {
        let mut seen = run_without_start();
        seen.retain(|observation| !matches!(observation.seen, Seen::Started { .. }));
        assert_eq!(CorrelationIds.judged(&manifest(""), &seen).verdict(), Verdict::Pass);
    }

    fn run_without_start() -> Vec<Observation> {
        let with = |label: &str, id: &str| answer(label, "GET /a", 200).with("X-Request-Id", id);
        main(vec![with(NONE, "one"), with(NONE, "two"), own("mine")])
    }
}
