//! Plain HTTP is redirected, HSTS is set, certificates are valid.

mod certificate;

use client::Request;
use client::old_tls::{self, Hello, OldTls};
use lab::Bench;
use model::declaration::Declaration;
use model::{Answer, Applicability, Card, Finding, Kind, Lane, Reach, Ruling};
use settings::Manifest;
use settings::controls::EnforcedBy;

use crate::control::Applies;
use crate::surface::judging::{once_per_cause, showing};
use crate::surface::tour::path_of;
use crate::surface::tries::ANSWERED;
use crate::surface::visitor::PATIENCE;
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};

/// What would decide it.
const ENFORCED_BY: Declaration = Declaration {
    lines: &["[controls.https-only]", "enforced_by = \"edge\""],
    what: "who redirects plain HTTP: \"service\", or \"edge\" for the proxy before it",
};

pub(crate) struct HttpsOnly;

const PLAIN: &str = "plain";
const SECURE: &str = "secure";
/// A refusal of plain HTTP and a port that is closed are both an answer; a missing log-in is none.
const PLAIN_LANDS: &[Kind] =
    &[Kind::Accepted, Kind::Redirected, Kind::Refused, Kind::Absent, Kind::Unanswered];
const CERTIFICATE: &str = "certificate";
const UNREADABLE: &str = "certificate cannot be read";
const OLD: &str = "speaks";
/// How the reason of a connection that failed begins when it was the certificate.
const INVALID: &str = "invalid peer certificate: ";

impl SurfaceControl for HttpsOnly {
    const CARD: &'static Card = &Card {
        id: "https-only",
        applicability: Applicability::Universal,
        reach: Reach::Target,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 1,
        decided_by: &[ENFORCED_BY],
        page: include_str!("https_only.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("requests over HTTPS", &[SECURE], ANSWERED),
        Tries::each("requests over plain HTTP", &[PLAIN], PLAIN_LANDS),
    ];

    fn applies(manifest: &Manifest) -> Applies {
        match manifest.controls.https_only.enforced_by {
            Some(EnforcedBy::Service) => Applies::Yes,
            Some(EnforcedBy::Edge) => Applies::No(
                "the edge before it does it; seaworthy prove --target https://… tries the edge"
                    .into(),
            ),
            None => Applies::Undeclared(
                "say who redirects plain HTTP: [controls.https-only] enforced_by = \"service\" \
                 (behind a proxy that sends X-Forwarded-Proto) or \"edge\""
                    .into(),
            ),
        }
    }

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let site = visitor.site();
        if site.is_target() {
            target(visitor).await;
            return;
        }
        let tour = Tour::walk(bench, visitor).await;
        let header = &bench.manifest().controls.https_only.header;
        let read = tour.read(bench.manifest());
        if bench.manifest().service.tls {
            over_tls(visitor, &read).await;
            return;
        }
        visitor.ask(SECURE, &read.clone().header(header, "https")).await;
        visitor.ask(PLAIN, &read.clone().header(header, "http")).await;
        let with_query = Request { target: format!("{}?a=1", path_of(&read)), ..read.clone() };
        visitor.ask(PLAIN, &with_query.header(header, "http")).await;
        let unknown = Request::get("/seaworthy-no-such-path").header(header, "https");
        visitor.ask(SECURE, &unknown).await;
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let settings = &manifest.controls.https_only;
        let secure: Vec<_> = surface.labelled(SECURE).filter(|a| a.status().is_some()).collect();
        let plain: Vec<_> = surface.labelled(PLAIN).collect();
        if plain.iter().all(|a| a.status().is_none()) && secure.is_empty() {
            return Ruling::undecided("neither plain nor secure requests were answered");
        }
        let mut findings = Vec::new();
        for answer in &secure {
            if is_redirect_to_https(answer) {
                let text =
                    "a request that came over HTTPS is redirected to HTTPS: a loop".to_owned();
                let mend = "believe the proxy's X-Forwarded-Proto, or let the proxy redirect";
                findings.push(showing(Finding::fail("redirect-loop", text).fix(mend), answer));
            }
            findings.extend(about_hsts(answer, settings.hsts.0.as_secs()));
        }
        for answer in &plain {
            findings.extend(about_plain(answer));
        }
        let old: Vec<_> = surface.facts(OLD).map(|(version, _)| version).collect();
        if !old.is_empty() {
            let text = format!("it still speaks {}", old.join(" and "));
            let mend = "speak TLS 1.2 and 1.3 only (RFC 8996; ASVS 5.0 12.1.1)";
            findings.push(Finding::fail("old-tls", text).fix(mend));
        }
        for (_, left) in surface.facts(CERTIFICATE) {
            let needed = i64::try_from(settings.certificate.0.as_secs()).unwrap_or(i64::MAX);
            if left < needed {
                let text = format!("the certificate is valid for {} more days", left / 86_400);
                findings
                    .push(Finding::fail("certificate-expires", text).fix("renew it, and watch it"));
            }
        }
        if secure.is_empty() {
            return Ruling::undecided("no secure request was answered").with(findings);
        }
        if let Some((why, _)) = surface.facts(UNREADABLE).next() {
            return Ruling::undecided(format!("its certificate cannot be read: {why}"))
                .with(findings);
        }
        let held = "plain HTTP is redirected or refused, HSTS is set";
        Ruling::from_findings(held, once_per_cause(findings, surface.answers.len()))
    }

    fn unanswered(surface: &Surface<'_>) -> Ruling {
        let invalid = surface.not_connected().and_then(|why| why.strip_prefix(INVALID));
        let Some(why) = invalid else { return surface.without_answer() };
        Ruling::from_findings("", vec![about_certificate(why)])
    }
}

/// The deployed service: HTTPS as it is reached, and plain HTTP at port 80 of the same host.
async fn target(visitor: &Visitor<'_>) {
    let peer = &visitor.peer;
    if !peer.tls.is_on() {
        visitor.ask(PLAIN, &Request::get("/")).await;
        return;
    }
    visitor.ask(SECURE, &Request::get("/")).await;
    if let Ok(connection) = client::Connection::to(peer, PATIENCE).await
        && let Some(der) = connection.certificate()
    {
        let until = match certificate::not_after(&der) {
            Ok(until) => until,
            // A date that cannot be read decides nothing, and must not look as if it were fine.
            Err(why) => return visitor.fact(UNREADABLE, why, 1),
        };
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let left = until - now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        visitor.fact(CERTIFICATE, "seconds left", left);
    }
    old_versions(visitor).await;
    // Only at the usual port is it known where plain HTTP would be.
    if !peer.host.contains(':') {
        let mut plain = client::Peer { tls: client::Tls::Off, ..peer.clone() };
        plain.address.set_port(80);
        visitor.at(plain).ask(PLAIN, &Request::get("/")).await;
    }
}

/// A service in the lab that ends TLS itself: plain HTTP is tried at the same port, and its
/// certificate, which nobody signed, is not judged.
async fn over_tls(visitor: &Visitor<'_>, read: &Request) {
    visitor.ask(SECURE, read).await;
    visitor.ask(SECURE, &Request::get("/seaworthy-no-such-path")).await;
    let plain = client::Peer { tls: client::Tls::Off, ..visitor.peer.clone() };
    visitor.at(plain).ask(PLAIN, read).await;
    old_versions(visitor).await;
}

async fn old_versions(visitor: &Visitor<'_>) {
    for version in OldTls::ALL {
        if old_tls::speaks(&visitor.peer, version, PATIENCE).await == Hello::Spoken {
            visitor.fact(OLD, version.name(), 1);
        }
    }
}

/// Why nobody who checks it would connect.
fn about_certificate(why: &str) -> Finding {
    let text = format!("no connection is made, since its certificate is not valid: {why}");
    if why.contains("xpired") {
        return Finding::fail("certificate-expired", text).fix("renew it, and watch it");
    }
    let mend = "get it from an authority that its callers trust, for each name by which it is \
                called, and send the whole chain; for an authority of your own, name its \
                certificate in SSL_CERT_FILE and try again";
    Finding::fail("certificate-not-valid", text).fix(mend)
}

fn is_redirect_to_https(answer: &Answer) -> bool {
    answer.status().is_some_and(|status| (300..400).contains(&status))
        && answer.header("location").is_some_and(|to| to.starts_with("https://"))
}

/// Plain HTTP is redirected to the same place, or refused; never served.
fn about_plain(answer: &Answer) -> Option<Finding> {
    let status = answer.status()?;
    let mend = "redirect with 308 to the same path, before anything else is done";
    if is_redirect_to_https(answer) {
        let to = answer.header("location").unwrap_or_default();
        let kept = to.ends_with(&answer.request.target);
        let text = format!("{} is redirected to {to}", answer.request.target);
        let finding = Finding::warn("loses-the-path", text);
        return (!kept).then(|| showing(finding.fix(mend), answer));
    }
    let refused = status == 426 || (400..500).contains(&status) && status != 404;
    let text = format!("a request that came over plain HTTP was answered {status}");
    (!refused).then(|| showing(Finding::fail("serves-plain-http", text).fix(mend), answer))
}

fn about_hsts(answer: &Answer, shortest: u64) -> Option<Finding> {
    let mend = "Strict-Transport-Security: max-age=31536000; includeSubDomains, errors too";
    let finding = match answer.header("strict-transport-security") {
        None => Finding::fail("no-hsts", format!("{} over HTTPS has no HSTS", answer.asked())),
        Some(value) => {
            // Names are case-insensitive, and space may surround the sign (RFC 6797, 6.1).
            let age =
                value.split(';').filter_map(|part| part.split_once('=')).find_map(|(n, v)| {
                    let is_age = n.trim().eq_ignore_ascii_case("max-age");
                    is_age.then(|| v.trim().trim_matches('"').parse().ok()).flatten()
                });
            let age: u64 = age.unwrap_or(0);
            if age >= shortest {
                return None;
            }
            let text = format!("HSTS lasts {age} s, expected {shortest} s or more");
            Finding::fail("short-hsts", text)
        }
    };
    Some(showing(finding.fix(mend), answer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use crate::surface::visitor::NOT_CONNECTED;
    use model::Verdict;

    fn secure() -> Answer {
        answer(SECURE, "GET /a", 200).with("Strict-Transport-Security", "max-age=31536000")
    }

    fn judged(plain: Answer, secure: Answer) -> model::Judgement {
        HttpsOnly.judged(&manifest(""), &main(vec![plain, secure]))
    }

    #[test]
    fn plain_http_is_redirected_or_refused() {
        let redirect = answer(PLAIN, "GET /a", 308).with("Location", "https://h/a");
        assert_eq!(judged(redirect, secure()).verdict(), Verdict::Pass);
        assert_eq!(judged(answer(PLAIN, "GET /a", 403), secure()).verdict(), Verdict::Pass);
        let served = judged(answer(PLAIN, "GET /a", 200), secure());
        assert_eq!(served.findings[0].cause, "serves-plain-http");
    }

    #[test]
    fn hsts_must_be_there_and_last() {
        let refused = || answer(PLAIN, "GET /a", 403);
        let none = judged(refused(), answer(SECURE, "GET /a", 200));
        assert_eq!(none.findings[0].cause, "no-hsts");
        let short = answer(SECURE, "GET /a", 200).with("Strict-Transport-Security", "max-age=60");
        assert_eq!(judged(refused(), short).findings[0].cause, "short-hsts");
    }

    fn with_fact(
        answers: Vec<Answer>,
        (name, about, value): (&str, &str, i64),
    ) -> model::Judgement {
        let mut seen = main(answers);
        let trial = seen[0].trial.clone();
        seen.push(model::Observation { at: 9_000_000, trial, seen: fact(name, about, value) });
        HttpsOnly.judged(&manifest(""), &seen)
    }

    #[test]
    fn what_is_old_or_about_to_expire_fails() {
        for (fact, cause) in [
            ((OLD, "TLS 1.0", 1), Some("old-tls")),
            ((CERTIFICATE, "seconds left", 432_000), Some("certificate-expires")),
            ((CERTIFICATE, "seconds left", 4_320_000), None),
        ] {
            let judgement = with_fact(vec![secure()], fact);
            assert_eq!(judgement.findings.first().map(|f| f.cause.as_str()), cause, "{fact:?}");
        }
    }

    #[test]
    fn a_certificate_that_is_not_valid_fails_and_another_reason_decides_nothing() {
        let mut silent = answer(SECURE, "GET /", 200);
        silent.outcome = model::Outcome::NotConnected;
        for (why, cause) in [
            ("invalid peer certificate: UnknownIssuer", "certificate-not-valid"),
            ("invalid peer certificate: certificate expired", "certificate-expired"),
        ] {
            let judgement = with_fact(vec![silent.clone()], (NOT_CONNECTED, why, 0));
            assert_eq!(judgement.findings[0].cause, cause);
        }
        let judgement = with_fact(vec![silent], (NOT_CONNECTED, "no route to host", 0));
        assert_eq!(judgement.verdict(), Verdict::Inconclusive);
        assert!(judgement.summary.contains("no route"), "{}", judgement.summary);
    }

    #[test]
    fn a_redirect_of_secure_requests_is_a_loop() {
        let looping = answer(SECURE, "GET /a", 308).with("Location", "https://h/a");
        let judgement = judged(answer(PLAIN, "GET /a", 403), looping);
        assert!(judgement.findings.iter().any(|f| f.cause == "redirect-loop"));
    }
}
