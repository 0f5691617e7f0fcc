//! Internal routes, docs, metrics, databases and caches are not public in production.

mod known;

use client::Request;
use lab::Bench;
use model::{Answer, Applicability, Card, Finding, Kind, Lane, Need, Reach, Ruling};
use settings::Manifest;

use crate::surface::judging::showing;
use crate::surface::tour::TOUR;
use crate::surface::tries::{ACCEPTED, ANSWERED};
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};

pub(crate) struct Exposure;

const KNOWN: &str = "known path";
const LET_IN: &str = "let in";
const INTERNAL: &str = "internal path";
const OWN_METRICS: &str = "declared metrics";
const LISTENS: &str = "listens at";
const BEHIND: &str = "behind the edge it listens at";

impl SurfaceControl for Exposure {
    const CARD: &'static Card = &Card {
        id: "exposure",
        applicability: Applicability::Universal,
        reach: Reach::Target,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 2,
        decided_by: &[],
        page: include_str!("exposure.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("requests that are let in", &[LET_IN, TOUR], ACCEPTED).needs(Need::AtLeast(1)),
        Tries::all("known paths", &[KNOWN], ANSWERED).planned(known::PATHS.len()),
        Tries::each("internal routes", &[INTERNAL], ANSWERED),
        Tries::each("metrics on the public port", &[OWN_METRICS], ANSWERED),
    ];

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let site = visitor.site();
        let tour = Tour::walk(bench, visitor).await;
        // Who refuses everything exposes nothing, and that proves nothing.
        visitor.ask(LET_IN, &tour.read(bench.manifest())).await;
        let settings = &bench.manifest().controls.exposure;
        for path in known::PATHS.iter().map(|known| known.path) {
            visitor.ask(KNOWN, &Request::get(path)).await;
        }
        for path in &settings.internal {
            visitor.ask(INTERNAL, &Request::get(path)).await;
        }
        if let Some(path) = public_metrics(bench.manifest()) {
            visitor.ask(OWN_METRICS, &Request::get(path)).await;
        }
        if let (Some(instance), Some(running)) = (site.instance(), site.running()) {
            let members: Vec<_> = running.process().members().iter().map(|one| one.pid).collect();
            let (declared, behind) = (instance.ports(), instance.ports_behind());
            let others = process::sockets::listening(&members);
            for address in others.iter().filter(|address| !declared.contains(&address.port())) {
                let what = if behind.contains(&address.port()) { BEHIND } else { LISTENS };
                visitor.fact(what, address.to_string(), 1);
            }
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let settings = &manifest.controls.exposure;
        let tried: Vec<_> = surface.labelled(KNOWN).filter(|a| a.status().is_some()).collect();
        if tried.is_empty() {
            return Ruling::undecided("no known path was tried");
        }
        let mut findings = Vec::new();
        for answer in &tried {
            let Some(known) = known::PATHS.iter().find(|known| known.path == answer.path()) else {
                continue;
            };
            // A page for developers comes with the error that it explains.
            if !answer.is_success() && known.path != known::NOWHERE {
                continue;
            }
            let public = settings.public.iter().any(|path| path == known.path);
            if public || !known.shows(&answer.body) {
                continue;
            }
            let text = format!("{} shows {} to everybody", known.path, known.what);
            let mend = "turn it off in production, serve it on a port of its own, or let the edge \
                        keep it internal; if it is meant, declare controls.exposure.public";
            let finding = if known.cause == "server-status" {
                // Web servers often show it to this machine alone, and that is where we are.
                let text = format!("{} shows {} to this machine at least", known.path, known.what);
                Finding::warn(known.cause, text)
            } else {
                Finding::fail(known.cause, text)
            };
            findings.push(showing(finding.fix(mend), answer));
        }
        for answer in surface.labelled(OWN_METRICS).filter(|answer| answer.is_success()) {
            let public = settings.public.iter().any(|path| path == answer.path());
            if !public && known::METRICS.iter().any(|sign| answer.body.contains(sign)) {
                let text = format!("{} shows its metrics to everybody", answer.path());
                let mend = "serve them on a port of their own, ask for credentials, or let the \
                            edge keep them internal; if it is meant, declare \
                            controls.exposure.public";
                findings.push(showing(Finding::fail("metrics", text).fix(mend), answer));
            }
        }
        let classes = manifest.classes();
        let let_in = |answer: &&Answer| classes.kind(answer) == Kind::Accepted;
        for answer in surface.labelled(INTERNAL).filter(let_in) {
            let mend = "ask for credentials there, or serve it on a port of its own";
            let text = format!(
                "{} is declared internal and answered {}",
                answer.path(),
                answer.status().unwrap_or(0)
            );
            findings.push(showing(Finding::fail("internal-route", text).fix(mend), answer));
        }
        let told = |fact| surface.facts(fact).map(|(address, _)| (address, is_local(address)));
        for (address, local) in told(LISTENS) {
            let text = format!("it also listens at {address}, which the manifest does not declare");
            let mend = "close it in production (a debugger, a profiler, a cluster port), or \
                        declare the port under service.ports";
            let finding = if local {
                Finding::note("further-port", text)
            } else {
                Finding::fail("further-port", text).fix(mend)
            };
            findings.push(finding);
        }
        // Whether others reach it, the network around decides: a container publishes one port.
        for (address, _) in told(BEHIND).filter(|(_, local)| !local) {
            let text = format!(
                "the service behind the edge listens at {address}: whoever reaches that port \
                 passes by the edge"
            );
            let mend =
                "let it listen at 127.0.0.1, or let other machines reach the edge's port alone";
            findings.push(Finding::warn("passed-by", text).fix(mend));
        }
        let held = format!("none of {} known paths shows anything", tried.len());
        Ruling::from_findings(held, findings)
    }
}

/// Where the manifest says that metrics are, when that is on the port that everybody reaches and not
/// among the known paths.
fn public_metrics(manifest: &Manifest) -> Option<&str> {
    let declared = &manifest.controls.metrics;
    let path = declared.path.as_deref().filter(|_| declared.port.is_none())?;
    known::PATHS.iter().all(|known| known.path != path).then_some(path)
}

fn is_local(address: &str) -> bool {
    address.starts_with("127.") || address.starts_with("[::1]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn judged(more: &str, body: &str, path: &str) -> model::Judgement {
        let answer = answer(KNOWN, &format!("GET {path}"), 200).saying(body);
        Exposure.judged(&manifest(more), &main(vec![answer]))
    }

    #[test]
    fn what_is_shown_decides_and_not_the_status() {
        let page = "<!doctype html><div id=app></div>";
        assert_eq!(judged("", page, "/.env").verdict(), Verdict::Pass, "a single-page app");
        let found = judged("", "DATABASE_URL=postgres://a\nKEY=b\n", "/.env");
        assert_eq!(found.findings[0].cause, "secrets-file");
        let metrics = "# HELP a b\n# TYPE a counter\na 1\n";
        assert_eq!(judged("", metrics, "/metrics").findings[0].cause, "metrics");
    }

    #[test]
    fn a_page_for_developers_is_seen_in_the_error_itself() {
        let page = "<!doctype html><p>Using the URLconf defined in shop.urls, Django tried these";
        let answer = answer(KNOWN, &format!("GET {}", known::NOWHERE), 404).saying(page);
        let judgement = Exposure.judged(&manifest(""), &main(vec![answer]));
        assert_eq!(judgement.findings[0].cause, "debug-page");
        assert_eq!(
            judged("", "ref: refs/heads/main", "/.git/HEAD").findings[0].cause,
            "repository"
        );
    }

    #[test]
    fn declared_metrics_on_the_public_port_are_exposed() {
        let declared = "[controls.metrics]\npath = \"/internal/stats\"\n";
        let answer =
            answer(OWN_METRICS, "GET /internal/stats", 200).saying("# TYPE a counter\na 1\n");
        let known = crate::surface::judging::build::answer(KNOWN, "GET /.env", 404);
        let judgement = Exposure.judged(&manifest(declared), &main(vec![known, answer]));
        assert_eq!(judgement.findings[0].cause, "metrics");
        assert_eq!(public_metrics(&manifest(declared)), Some("/internal/stats"));
        assert_eq!(public_metrics(&manifest("[controls.metrics]\npath = \"/metrics\"\n")), None);
    }

    #[test]
    fn what_is_declared_public_is_meant() {
        let declared = "[controls.exposure]\npublic = [\"/openapi.json\"]\n";
        let body = r#"{"openapi":"3.1.0"}"#;
        assert_eq!(judged(declared, body, "/openapi.json").verdict(), Verdict::Pass);
        assert_eq!(judged("", body, "/openapi.json").findings[0].cause, "api-document");
    }

    #[test]
    fn a_port_is_judged_by_who_reaches_it() {
        use model::{Observation, Severity};
        for (name, address, severity, cause) in [
            (LISTENS, "0.0.0.0:9229", Severity::Fail, "further-port"),
            (LISTENS, "127.0.0.1:9229", Severity::Note, "further-port"),
            (BEHIND, "[::]:3000", Severity::Warn, "passed-by"),
        ] {
            let mut seen = main(vec![answer(KNOWN, "GET /.env", 404)]);
            seen.push(Observation { seen: fact(name, address, 1), ..seen[0].clone() });
            let judgement = Exposure.judged(&manifest(""), &seen);
            let finding = &judgement.findings[0];
            assert_eq!((finding.severity, finding.cause.as_str()), (severity, cause));
        }
        let mut seen = main(vec![answer(KNOWN, "GET /.env", 404)]);
        let behind = fact(BEHIND, "127.0.0.1:3000", 1);
        seen.push(Observation { seen: behind, ..seen[0].clone() });
        assert!(Exposure.judged(&manifest(""), &seen).findings.is_empty());
    }
}
