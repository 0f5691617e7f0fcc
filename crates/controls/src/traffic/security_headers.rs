//! The headers that matter for its content are on every answer, errors too.

mod cookies;

use client::Request;
use journey::Entry;
use lab::Bench;
use model::{Answer, Applicability, Card, Finding, Lane, Need, Reach, Ruling};
use settings::Manifest;

use crate::surface::judging::{once_per_cause, showing};
use crate::surface::tour::{ERRORS, TOUR, TourStep, called, proves_a_form};
use crate::surface::tries::{ACCEPTED, WHATEVER};
use crate::surface::visitor::PATIENCE;
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};

pub(crate) struct SecurityHeaders;

const NOSNIFF: (&str, &str) = ("X-Content-Type-Options", "nosniff");
const PAGE_POLICY: (&str, &str) = ("Content-Security-Policy", "");

/// It was asked over TLS; about where.
const OVER_TLS: &str = "over TLS";

impl SurfaceControl for SecurityHeaders {
    const CARD: &'static Card = &Card {
        id: "security-headers",
        applicability: Applicability::Universal,
        reach: Reach::Target,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 1,
        decided_by: &[],
        page: include_str!("security_headers.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("successes", &[TOUR], ACCEPTED).needs(Need::AtLeast(1)),
        Tries::all("provoked errors", ERRORS, WHATEVER).needs(Need::AtLeast(1)),
        Tries::each("forms sent as another site would", &[cookies::FORGED], WHATEVER),
    ];

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let site = visitor.site();
        if visitor.peer.tls.is_on() {
            visitor.fact(OVER_TLS, visitor.peer.base(), 1);
        }
        let tour = Tour::walk(bench, visitor).await;
        let errors = tour.errors(bench.manifest(), site.is_target());
        for (label, request) in errors {
            visitor.ask(&label, &request).await;
        }
        if !site.is_target() {
            for step in tour.forms() {
                if let Some((request, entry)) = forged(bench, visitor, step).await {
                    visitor.ask_as_step(cookies::FORGED, &request, entry, PATIENCE).await;
                }
            }
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let decides = |status: u16| (200..300).contains(&status) || status >= 400;
        let answers: Vec<&Answer> = surface
            .answers
            .iter()
            .copied()
            .filter(|answer| answer.status().is_some_and(decides))
            .collect();
        let (good, bad): (Vec<&Answer>, Vec<&Answer>) =
            answers.iter().copied().partition(|answer| answer.is_success());
        if good.is_empty() || bad.is_empty() {
            let what = if good.is_empty() { "success" } else { "error" };
            return Ruling::undecided(format!("no {what} was answered, so half was not seen"));
        }
        let mut findings = Vec::new();
        for answer in &answers {
            let missing = required(manifest, answer);
            let missing: Vec<_> =
                missing.into_iter().filter(|(name, part)| !carries(answer, name, part)).collect();
            if !missing.is_empty() {
                let on_success = |one: &(&str, &str)| {
                    good.iter().any(|good| {
                        required(manifest, good).contains(one) && !carries(good, one.0, one.1)
                    })
                };
                let cause =
                    if missing.iter().any(on_success) { "missing" } else { "missing-on-errors" };
                let status = answer.status().unwrap_or_default();
                let words: Vec<_> = missing.iter().map(|one| expected(answer, *one)).collect();
                let text = format!("{} answered {status}; {}", called(answer), words.join("; "));
                let mend =
                    "set it in one place that every answer passes, also those of the framework";
                findings.push(showing(Finding::fail(cause, text).fix(mend), answer));
            }
            if answer.bytes > 0 && answer.header("content-type").is_none() {
                let text = format!(
                    "{} answered {} bytes without a Content-Type",
                    called(answer),
                    answer.bytes
                );
                let mend = "say what the body is: a browser guesses otherwise";
                findings.push(showing(Finding::fail("no-content-type", text).fix(mend), answer));
            }
            findings.extend(["X-Powered-By", "Server"].into_iter().filter_map(|name| {
                let value = answer.header(name)?;
                let tells = name == "X-Powered-By" || value.contains(|c: char| c.is_ascii_digit());
                let text = format!("{name}: {value} tells an attacker what to look for");
                tells.then(|| showing(Finding::warn("discloses", text), answer))
            }));
        }
        let all: Vec<&Answer> = surface.answers.clone();
        let over_tls = surface.facts(OVER_TLS).next().is_some();
        findings.extend(cookies::about_cookies(&all, over_tls));
        findings.extend(cookies::about_forms(surface));
        let held = format!("on every answer (successes {}, errors {})", good.len(), bad.len());
        Ruling::from_findings(held, once_per_cause(findings, answers.len()))
    }
}

/// The form of somebody who is logged in by a cookie, as another site would send it.
async fn forged<'a>(
    bench: &'a Bench,
    visitor: &Visitor<'_>,
    step: &TourStep,
) -> Option<(Request, &'a Entry)> {
    let (name, at) = step.place.as_ref()?;
    let (_, journey) = bench.journey(Some(name))?;
    let walk = visitor.person_before(journey, *at).await?;
    let mut request = walk.request(&journey.entries[*at]).ok()?;
    let by_cookie = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    if !by_cookie {
        return None;
    }
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let fields = body.split('&');
    let kept = fields.filter(|pair| !proves_a_form(pair.split('=').next().unwrap_or_default()));
    let body = kept.collect::<Vec<_>>().join("&");
    request.headers.retain(|(name, _)| {
        let name = name.to_ascii_lowercase();
        name != "origin" && name != "referer" && !proves_a_form(&name)
    });
    Some((request.body(body).header("Origin", cookies::HOSTILE), &journey.entries[*at]))
}

/// What an answer must carry: a name, and a part of the value.
fn required<'a>(manifest: &'a Manifest, answer: &Answer) -> Vec<(&'a str, &'a str)> {
    let settings = &manifest.controls.security_headers;
    let mut all = Vec::new();
    if answer.bytes > 0 {
        all.push(NOSNIFF);
    }
    if answer.bytes > 0 && answer.is_html() {
        all.push(PAGE_POLICY);
    }
    all.retain(|(name, _)| !settings.except.iter().any(|e| e.eq_ignore_ascii_case(name)));
    all.extend(settings.require.iter().map(|text| match text.split_once(':') {
        Some((name, value)) => (name.trim(), value.trim()),
        None => (text.trim(), ""),
    }));
    all
}

/// A page may carry its policy itself (HTML, http-equiv); who may frame it cannot be said there, so
/// the header for that must be there as well.
fn has_policy_in_page(answer: &Answer) -> bool {
    let page = answer.body.to_ascii_lowercase();
    let metas = page.split("<meta").skip(1).filter_map(|rest| rest.split('>').next());
    let mut policies = metas.filter(|meta| meta.contains("content-security-policy"));
    policies.any(|meta| meta.contains("http-equiv")) && answer.header("x-frame-options").is_some()
}

/// What was expected of a header, and what was found.
fn expected(answer: &Answer, (name, part): (&str, &str)) -> String {
    let found = answer.header(name);
    let found = found.map_or("it is not there".to_owned(), |value| format!("found {value:?}"));
    let wanted = if part.is_empty() { name.to_owned() } else { format!("{name}: {part}") };
    format!("expected {wanted}, {found}")
}

fn carries(answer: &Answer, name: &str, part: &str) -> bool {
    if name.eq_ignore_ascii_case(PAGE_POLICY.0) && part.is_empty() && has_policy_in_page(answer) {
        return true;
    }
    let value = answer.header(name).unwrap_or_default().to_ascii_lowercase();
    answer.header(name).is_some() && value.contains(&part.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn judged(answers: Vec<Answer>) -> model::Judgement {
        SecurityHeaders.judged(&manifest(""), &main(answers))
    }

    #[test]
    fn every_answer_counts() {
        let good =
            answer("tour", "GET /a", 200).json("{}").with("X-Content-Type-Options", "nosniff");
        let bad = answer("unknown path", "GET /x", 404).json("{}");
        assert_eq!(judged(vec![good.clone(), bad.clone()]).findings[0].cause, "missing-on-errors");
        let page = answer("tour", "GET /b", 200).saying("<p>").with("Content-Type", "text/html");
        let both = judged(vec![good.clone(), page, bad.clone()]);
        assert_eq!(both.findings[0].seen, Some((2, 3)), "an answer counts once");
        let held = bad.with("X-Content-Type-Options", "NoSniff");
        assert_eq!(judged(vec![good, held]).verdict(), Verdict::Pass);
    }

    #[test]
    fn a_page_needs_a_policy_and_an_interface_does_not() {
        let page = |label: &str, status| {
            let answer =
                answer(label, "GET /", status).saying("<p>").with("Content-Type", "text/html");
            answer.with("X-Content-Type-Options", "nosniff")
        };
        let judgement = judged(vec![page("tour", 200), page("unknown path", 404)]);
        assert_eq!(judgement.findings[0].cause, "missing");
        assert!(judgement.findings[0].witness.contains("Content-Security-Policy"));
    }

    #[test]
    fn a_policy_in_the_page_counts_with_a_header_against_framing() {
        let text = "<!doctype html><head><META http-equiv='Content-Security-Policy' content=\"default-src 'self'\">";
        let page = |status| {
            answer("tour", "GET /", status)
                .saying(text)
                .with("Content-Type", "text/html")
                .with("X-Content-Type-Options", "nosniff")
        };
        let bad = || Answer { label: "unknown path".into(), ..page(404) };
        assert_eq!(judged(vec![page(200), bad()]).verdict(), Verdict::Fail);
        let framed = |page: Answer| page.with("X-Frame-Options", "DENY");
        let judgement = judged(vec![framed(page(200)), framed(bad())]);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    }

    #[test]
    fn without_an_error_nothing_is_decided() {
        let good =
            answer("tour", "GET /a", 200).json("{}").with("X-Content-Type-Options", "nosniff");
        assert_eq!(judged(vec![good]).verdict(), Verdict::Inconclusive);
    }
}
