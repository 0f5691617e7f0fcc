//! Rate, errors, duration and saturation are exported with route templates.

mod exposition;

use std::time::{Duration, Instant};

use client::Request;
use lab::Bench;
use model::{Applicability, Card, Finding, Lane, Reach, Ruling};
use settings::Manifest;

use crate::control::Applies;
use crate::surface::judging::showing;
use crate::surface::tries::{ACCEPTED, ANSWERED, WHATEVER};
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};

pub(crate) struct Metrics;

const BEFORE: &str = "before";
const AFTER: &str = "after";
const KNOWN: &str = "a known request";
const STRANGE: &str = "a strange path";
/// How many known requests are sent, and how many to paths that do not exist.
const REQUESTS: usize = 7;
const STRANGERS: usize = 3;
/// A scrape is judged whole; larger ones are cut here.
const LARGEST: usize = 16 << 20;
/// What the names of metrics that tell how busy it is hold.
const BUSY: [&str; 7] =
    ["in_flight", "inflight", "in_progress", "active", "pool", "connections", "queue"];

impl SurfaceControl for Metrics {
    const CARD: &'static Card = &Card {
        id: "metrics",
        applicability: Applicability::Universal,
        reach: Reach::Lab,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 2,
        page: include_str!("metrics.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("scrapes", &[BEFORE, AFTER], WHATEVER).planned(2),
        Tries::all("known requests", &[KNOWN], ACCEPTED).planned(REQUESTS),
        Tries::all("requests for unknown paths", &[STRANGE], ANSWERED).planned(STRANGERS),
    ];

    fn applies(manifest: &Manifest) -> Applies {
        if manifest.controls.metrics.path.is_some() {
            return Applies::Yes;
        }
        Applies::Undeclared(
            "declare where they are: [controls.metrics] path = \"/metrics\"; or say under \
             [not-applicable] who measures instead"
                .to_owned(),
        )
    }

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let site = visitor.site();
        let settings = &bench.manifest().controls.metrics;
        let tour = Tour::walk(bench, visitor).await;
        let read = tour.read(bench.manifest());
        if let (Some(path), Some(peer)) = (&settings.path, site.port(settings.port.as_deref())) {
            let at = visitor.at(peer).keeping(LARGEST);
            let mut scrape = Request::get(path);
            for (name, value) in &settings.headers {
                scrape = scrape.header(name, value);
            }
            let before = at.ask(BEFORE, &scrape).await;
            for _ in 0..REQUESTS {
                visitor.ask(KNOWN, &read).await;
            }
            for _ in 0..STRANGERS {
                let word: String = std::iter::repeat_with(fastrand::lowercase).take(12).collect();
                visitor.ask(STRANGE, &Request::get(&format!("/{word}"))).await;
            }
            let text = |exchange: &client::Exchange| {
                exchange
                    .response
                    .as_ref()
                    .map(|response| response.text().into_owned())
                    .unwrap_or_default()
            };
            let before = exposition::parse(&text(&before));
            let deadline = Instant::now() + settings.lag.0;
            loop {
                let after = at.ask(AFTER, &scrape).await;
                let after = exposition::parse(&text(&after));
                let counted =
                    exposition::grown(&before, &after, settings.requests.as_deref(), REQUESTS);
                if !counted.is_empty() || Instant::now() > deadline {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let settings = &manifest.controls.metrics;
        let (Some(first), Some(last)) = (surface.find(BEFORE), surface.labelled(AFTER).last())
        else {
            return Ruling::undecided("the metrics were not read");
        };
        let fail = |cause: &str, text: String, mend: &str| {
            showing(Finding::fail(cause, text).fix(mend), last)
        };
        if last.status().is_none() && surface.trial.exit().is_some() {
            let ended = surface.trial.exit_words();
            return Ruling::undecided(format!("it {ended} before its metrics were read"));
        }
        if !last.is_success() {
            let text = format!("{} {}", last.path(), last.outcome.words());
            return Ruling::from_findings(
                "",
                vec![fail("not-found", text, "export them, or mend controls.metrics.path")],
            );
        }
        let known = surface.labelled(KNOWN).filter(|answer| answer.status().is_some()).count();
        if known < REQUESTS {
            return Ruling::undecided("the known requests were not all answered");
        }
        let (before, after) = (exposition::parse(&first.body), exposition::parse(&last.body));
        if after.is_empty() {
            let text = format!("{} bytes hold no sample", last.bytes);
            let mend = "answer the text format of Prometheus";
            return Ruling::from_findings("", vec![fail("not-readable", text, mend)]);
        }
        let mut findings = Vec::new();
        let counted = exposition::grown(&before, &after, settings.requests.as_deref(), REQUESTS);
        if counted.is_empty() {
            let text = format!("{REQUESTS} requests were sent, and no counter grew by as many");
            findings.push(fail(
                "not-counted",
                text,
                "count every request once, by route, method and status",
            ));
        }
        let strange: Vec<&str> =
            surface.labelled(STRANGE).map(|a| a.path().trim_start_matches('/')).collect();
        if let Some(sample) =
            after.iter().find(|sample| strange.iter().any(|path| sample.labels.contains(path)))
        {
            let text = format!(
                "{}{{{}}}: every path that a scanner tries becomes a series",
                sample.name, sample.labels
            );
            findings.push(fail(
                "raw-paths",
                text,
                "label with the route's template, and one label for the rest",
            ));
        }
        let by_status = |sample: &&&exposition::Sample| {
            sample.labels.contains("404") || sample.labels.contains("4xx")
        };
        if !counted.is_empty()
            && !exposition::increased(&before, &after).iter().any(|s| by_status(&s))
        {
            let text = format!("{STRANGERS} answers of 404 are not told apart from successes");
            findings.push(fail("errors-not-counted", text, "label the counter with the status"));
        }
        if !exposition::increased(&before, &after).iter().any(|sample| times(sample)) {
            let text = "no histogram or summary of durations grew".to_owned();
            let mend = "observe http_server_request_duration_seconds by route";
            findings.push(fail("no-durations", text, mend));
        }
        if !after.iter().any(|sample| BUSY.iter().any(|word| sample.name.contains(word))) {
            let text = "nothing tells how busy it is: requests in flight, connections, a pool";
            findings.push(Finding::warn("no-saturation", text));
        }
        let held = format!("{REQUESTS} requests and {STRANGERS} errors are counted, by route");
        Ruling::from_findings(held, findings)
    }
}

/// Whether a sample belongs to a histogram or summary of durations.
fn times(sample: &exposition::Sample) -> bool {
    let name = &sample.name;
    (name.ends_with("_bucket") || name.ends_with("_sum"))
        && ["duration", "seconds", "latency", "time"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn run(after: &str) -> model::Judgement {
        let mut answers =
            vec![answer(BEFORE, "GET /metrics", 200).saying("r{route=\"/a\",status=\"200\"} 1\n")];
        answers.extend((0..REQUESTS).map(|_| answer(KNOWN, "GET /a", 200)));
        answers.push(answer(STRANGE, "GET /qwertz", 404));
        answers.push(answer(AFTER, "GET /metrics", 200).saying(after));
        Metrics.judged(&manifest(""), &main(answers))
    }

    const GOOD: &str = "r{route=\"/a\",status=\"200\"} 8\nr{route=\"\",status=\"404\"} 3\n\
                        d_seconds_sum 1\nin_flight 0\n";

    #[test]
    fn what_is_counted_passes() {
        let judgement = run(GOOD);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    }

    #[test]
    fn each_break_has_its_cause() {
        for (after, cause) in [
            (GOOD.replace("200\"} 8", "200\"} 2"), "not-counted"),
            (GOOD.replace("route=\"\"", "route=\"/qwertz\""), "raw-paths"),
            (GOOD.replace("404", "200"), "errors-not-counted"),
            (GOOD.replace("d_seconds_sum 1", ""), "no-durations"),
            ("<html>".to_owned(), "not-readable"),
        ] {
            assert_eq!(run(&after).findings[0].cause, cause, "{after}");
        }
    }
}
