//! Rate, errors, duration and saturation are exported with route templates.

mod exposition;

use std::time::{Duration, Instant};

use client::Request;
use lab::Bench;
use model::declaration::Declaration;
use model::{Answer, Applicability, Card, Finding, Lane, Reach, Ruling};
use settings::Manifest;

use crate::control::Applies;
use crate::surface::judging::showing;
use crate::surface::tour::UNKNOWN_PATH;
use crate::surface::tries::{ACCEPTED, ANSWERED, WHATEVER};
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};

/// What would decide it.
const PATH: Declaration = Declaration {
    lines: &["[controls.metrics]", "path = \"/metrics\""],
    what: "where its metrics are",
};

pub(crate) struct Metrics;

const BEFORE: &str = "before";
const AFTER: &str = "after";
const KNOWN: &str = "a known request";
const STRANGE: &str = "a strange path";
/// An error of another kind, where unknown paths are answered with a page.
const ERROR: &str = "an error";
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
        decided_by: &[PATH],
        page: include_str!("metrics.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("scrapes", &[BEFORE, AFTER], WHATEVER).planned(2),
        Tries::all("known requests", &[KNOWN], ACCEPTED).planned(REQUESTS),
        Tries::all("requests for unknown paths", &[STRANGE], ANSWERED).planned(STRANGERS),
        Tries::each("other errors", &[ERROR], ANSWERED),
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
            let others = tour.errors(bench.manifest(), site.is_target());
            let others = others.iter().find(|(label, _)| !label.starts_with(UNKNOWN_PATH));
            if let Some((_, request)) = others {
                visitor.plan(ERROR, STRANGERS);
                for _ in 0..STRANGERS {
                    visitor.ask(ERROR, request).await;
                }
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
        if let Some(text) = raw_path(surface, &after) {
            let mend = "label with the route's template, and one label for the rest";
            findings.push(fail("raw-paths", text, mend));
        }
        let errors = errors(surface);
        let told = |sample: &&exposition::Sample| {
            errors.iter().any(|status| sample.is_labelled_with(*status))
        };
        let increased = exposition::increased(&before, &after);
        if !counted.is_empty() && !errors.is_empty() && !increased.iter().any(told) {
            let statuses: Vec<_> = errors.iter().map(ToString::to_string).collect();
            let text =
                format!("answers of {} are not told apart from successes", statuses.join(" and "));
            findings.push(fail("errors-not-counted", text, "label the counter with the status"));
        }
        if !increased.iter().any(|sample| times(sample)) {
            let text = "no histogram or summary of durations grew".to_owned();
            let mend = "observe http_server_request_duration_seconds by route";
            findings.push(fail("no-durations", text, mend));
        }
        if !after.iter().any(|sample| BUSY.iter().any(|word| sample.name.contains(word))) {
            let text = "nothing tells how busy it is: requests in flight, connections, a pool";
            findings.push(Finding::warn("no-saturation", text));
        }
        if errors.is_empty() && findings.is_empty() {
            let why = "no request was answered with an error, so nothing says that errors are \
                       counted: declare a journey with a body";
            return Ruling::undecided(why);
        }
        let held = format!("{REQUESTS} requests and the errors among others are counted, by route");
        Ruling::from_findings(held, findings)
    }
}

/// A series whose label is a path that nobody serves, in words.
fn raw_path(surface: &Surface<'_>, after: &[exposition::Sample]) -> Option<String> {
    let strange = surface.labelled(STRANGE).map(|answer| answer.path().trim_start_matches('/'));
    let strange: Vec<&str> = strange.collect();
    let mut all = after.iter();
    let raw = all.find(|sample| strange.iter().any(|path| sample.labels.contains(path)))?;
    Some(format!(
        "{}{{{}}}: every path that a scanner tries becomes a series",
        raw.name, raw.labels
    ))
}

/// The statuses of the errors that were provoked, each once.
fn errors(surface: &Surface<'_>) -> Vec<u16> {
    let errors = surface.labelled(STRANGE).chain(surface.labelled(ERROR));
    let errors = errors.filter(|answer| answer.is_error()).filter_map(Answer::status);
    let mut errors: Vec<u16> = errors.collect();
    errors.sort_unstable();
    errors.dedup();
    errors
}

/// Whether a sample belongs to a histogram or summary of the durations of requests.
fn times(sample: &exposition::Sample) -> bool {
    let name = &sample.name;
    sample.is_about_requests()
        && (name.ends_with("_bucket") || name.ends_with("_sum"))
        && ["duration", "seconds", "latency", "time"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn run(after: &str) -> model::Judgement {
        let mut answers = vec![
            answer(BEFORE, "GET /metrics", 200).saying("requests{route=\"/a\",status=\"200\"} 1\n"),
        ];
        answers.extend((0..REQUESTS).map(|_| answer(KNOWN, "GET /a", 200)));
        answers.push(answer(STRANGE, "GET /qwertz", 404));
        answers.push(answer(AFTER, "GET /metrics", 200).saying(after));
        Metrics.judged(&manifest(""), &main(answers))
    }

    const GOOD: &str = "requests{route=\"/a\",status=\"200\"} 8\n\
                        requests{route=\"\",status=\"404\"} 3\n\
                        request_seconds_sum 1\nin_flight 0\n";

    #[test]
    fn what_is_counted_passes() {
        let judgement = run(GOOD);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    }

    #[test]
    fn each_break_has_its_cause() {
        for (after, cause) in [
            (GOOD.replace("200\"} 8", "200\"} 2"), "not-counted"),
            (
                GOOD.replace("200\"} 8", "200\"} 2") + "promhttp_metric_handler_requests_total 7\n",
                "not-counted",
            ),
            (GOOD.replace("route=\"\"", "route=\"/qwertz\""), "raw-paths"),
            (GOOD.replace("404", "200"), "errors-not-counted"),
            (GOOD.replace("request_seconds_sum 1", "go_gc_duration_seconds_sum 1"), "no-durations"),
            ("<html>".to_owned(), "not-readable"),
        ] {
            assert_eq!(run(&after).findings[0].cause, cause, "{after}");
        }
    }
}
