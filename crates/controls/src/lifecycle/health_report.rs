//! /health tells the truth in its declared shape (by default 200 "ok" or 503 "degraded", one
//! boolean per dependency, a timestamp).

use std::time::{Duration, Instant};

use client::Request;
use lab::Bench;
use lab::fault::{Fault, Kind};
use model::declaration::Declaration;
use model::{Answer, Applicability, Card, Finding, Lane, Reach, Ruling};
use serde_json::Value;
use settings::Manifest;

use crate::control::Applies;
use crate::surface::judging::{at, once_per_cause, showing};
use crate::surface::tries::{FAULT, WHATEVER};
use crate::surface::{Surface, SurfaceControl, Tries, Visitor};

/// What would decide it.
const REPORT: Declaration = Declaration {
    lines: &["[controls.health-report]", "path = \"/health\""],
    what: "where it reports on its dependencies",
};

pub(crate) struct HealthReport;

const HEALTHY: &str = "healthy";
const DURING: &str = "during";
const HEALED: &str = "healed";
const WRONG_SHAPE: &str = "wrong-shape";
const FAULTS: [(&str, Kind); 2] = [("refused", Kind::Refuse), ("hanging", Kind::Hang)];
/// How long after the declared lag it is still waited for.
const MORE: Duration = Duration::from_secs(3);
/// How often it is read again under the same fault, and how far apart.
const LOOKS: usize = 2;
const BETWEEN_LOOKS: Duration = Duration::from_millis(600);

impl SurfaceControl for HealthReport {
    const CARD: &'static Card = &Card {
        id: "health-report",
        applicability: Applicability::Universal,
        reach: Reach::Lab,
        lane: Lane::Shared,
        disturbs: "its own instance and its dependencies",
        budget: 4,
        decided_by: &[REPORT],
        page: include_str!("health_report.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("reports in good health", &[HEALTHY], WHATEVER),
        Tries::each("reports during a fault", &[DURING], WHATEVER),
        Tries::each("reports after a fault", &[HEALED], WHATEVER),
    ];

    fn applies(manifest: &Manifest) -> Applies {
        if manifest.controls.health_report.path.is_some() {
            return Applies::Yes;
        }
        Applies::Undeclared(
            "declare the report: [controls.health-report] path = \"/health\"; or say under \
             [not-applicable] that there is none"
                .to_owned(),
        )
    }

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let (site, trial) = (visitor.site(), visitor.trial());
        let settings = &bench.manifest().controls.health_report;
        if let (Some(path), Some(peer)) = (&settings.path, site.port(settings.port.as_deref())) {
            let visitor = &visitor.at(peer);
            let request = Request::get(path);
            visitor.ask(HEALTHY, &request).await;
            let dependencies = bench.manifest().dependencies.len();
            for group in [FAULT, DURING, HEALED] {
                visitor.plan(group, dependencies * FAULTS.len());
            }
            let good = settings.healthy_status;
            let patience = settings.lag.0 + MORE;
            if let Some(instance) = site.instance() {
                for (name, dependency) in &bench.manifest().dependencies {
                    for (word, kind) in FAULTS {
                        bench.progress(format!("{name} {word}"));
                        instance.fault(trial, name, Fault::new(kind), word).await;
                        // Where it is optional, the status stays: it is read until the lag is over.
                        let expected =
                            if dependency.critical { settings.degraded_status } else { 0 };
                        let patience = if dependency.critical { patience } else { settings.lag.0 };
                        let label = format!("{DURING} {name} {word}");
                        until(visitor, &label, &request, expected, patience).await;
                        // A pool may trust its connections for a moment and hang later: what it says
                        // when that is over counts.
                        for _ in 0..LOOKS {
                            tokio::time::sleep(BETWEEN_LOOKS).await;
                            visitor.ask_within(&label, &request, MORE).await;
                        }
                        instance.heal(trial, name).await;
                        let label = format!("{HEALED} {name} {word}");
                        until(visitor, &label, &request, good, patience).await;
                    }
                }
            }
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let settings = &manifest.controls.health_report;
        let Some(healthy) = surface.find(HEALTHY) else {
            return Ruling::undecided("the report was never read");
        };
        let mut findings: Vec<Finding> = about_shape(manifest, healthy);
        let broken = !findings.is_empty();
        if let Some(finding) = findings.first().filter(|one| one.cause == WRONG_SHAPE)
            && !is_shape_declared(settings)
        {
            let why = format!(
                "only the path of the report is declared, and it has another shape than the usual \
                 one ({}): declare yours under [controls.health-report] (word, healthy, degraded, \
                 dependencies, timestamp; an empty text for what it does not have)",
                finding.witness
            );
            return Ruling::undecided(why);
        }
        for answer in &surface.answers {
            if let Some(at) = answer.body.find('‹') {
                let around: String = answer.body[at..].chars().take(40).collect();
                let text = format!("it shows a secret: {around}");
                let mend = "report states and no settings: who asks need not be a friend";
                findings.push(showing(Finding::fail("leaks", text).fix(mend), answer));
                break;
            }
        }
        let mut tried = 0;
        for (name, dependency) in manifest.dependencies.iter().filter(|_| !broken) {
            for (word, _) in FAULTS {
                let label = format!("{DURING} {name} {word}");
                let Some(during) = surface.answers.iter().rfind(|a| a.label == label) else {
                    continue;
                };
                tried += 1;
                findings.extend(about_fault(manifest, name, dependency.critical, word, during));
                let label = format!("{HEALED} {name} {word}");
                let Some(after) = surface.answers.iter().rfind(|a| a.label == label) else {
                    continue;
                };
                if after.status() != Some(settings.healthy_status) {
                    let mend =
                        "check each dependency anew for each report, or soon after it came back";
                    let text = format!(
                        "{name} was {word} and came back; the report still {}",
                        after.outcome.words()
                    );
                    findings.push(showing(Finding::fail("no-recovery", text).fix(mend), after));
                }
            }
        }
        if tried == 0 && !broken && !manifest.dependencies.is_empty() {
            return Ruling::undecided("no fault was tried").with(findings);
        }
        let held = format!("true in good health and under {tried} faults");
        Ruling::from_findings(held, once_per_cause(findings, tried.max(1)))
    }
}

/// Asks until the status is as expected, or the patience is over.
async fn until(v: &Visitor<'_>, label: &str, request: &Request, status: u16, patience: Duration) {
    let deadline = Instant::now() + patience;
    loop {
        let exchange = v.ask_within(label, request, MORE).await;
        if exchange.status() == Some(status) || Instant::now() > deadline {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a member that tells of a dependency says.
fn is_there(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(there) => Some(*there),
        Value::String(word) => {
            let word = word.to_ascii_lowercase();
            Some(matches!(word.as_str(), "ok" | "up" | "pass" | "healthy" | "true"))
        }
        Value::Object(map) => is_there(map.get("status").or_else(|| map.get("ok"))?),
        _ => None,
    }
}

/// What is wrong with the report in good health.
fn about_shape(manifest: &Manifest, healthy: &Answer) -> Vec<Finding> {
    let settings = &manifest.controls.health_report;
    let fail = |cause: &str, text: String| {
        let mend = "mend the report, or declare its shape under [controls.health-report]";
        vec![showing(Finding::fail(cause, text).fix(mend), healthy)]
    };
    if healthy.status() != Some(settings.healthy_status) {
        let text = format!(
            "in good health it {}, expected {}",
            healthy.outcome.words(),
            settings.healthy_status
        );
        return fail("not-healthy", text);
    }
    let word = at(healthy, &settings.word);
    if word.as_ref().and_then(Value::as_str) != Some(&settings.healthy) {
        let found = word.map_or("nothing".to_owned(), |word| word.to_string());
        let text = format!("expected {:?} at {}, found {found}", settings.healthy, settings.word);
        return fail(WRONG_SHAPE, text);
    }
    for (name, path) in members(manifest) {
        let found = at(healthy, &path);
        if found.as_ref().and_then(is_there) != Some(true) {
            let found = found.map_or("nothing".to_owned(), |value| value.to_string());
            let text = format!("expected {name} to be there at {path}, found {found}");
            return fail(WRONG_SHAPE, text);
        }
    }
    if !settings.timestamp.is_empty() && at(healthy, &settings.timestamp).is_none() {
        return fail(
            WRONG_SHAPE,
            format!("expected a time at {}, found nothing", settings.timestamp),
        );
    }
    Vec::new()
}

/// Whether the manifest says more of the shape than the default does.
fn is_shape_declared(settings: &settings::controls::HealthReport) -> bool {
    let default = settings::controls::HealthReport::default();
    let shape = |report: &settings::controls::HealthReport| {
        let words = [&report.word, &report.healthy, &report.degraded, &report.timestamp];
        (words.map(String::clone), report.dependencies.clone())
    };
    shape(settings) != shape(&default)
}

/// The dependencies that the report has a member for, each with its place. One that is declared with
/// an empty text has none.
fn members(manifest: &Manifest) -> impl Iterator<Item = (&str, String)> {
    let settings = &manifest.controls.health_report;
    let all = manifest.dependencies.keys().map(|name| (name.as_str(), place(settings, name)));
    all.filter(|(_, path)| !path.is_empty())
}

fn place(settings: &settings::controls::HealthReport, name: &str) -> String {
    settings.dependencies.get(name).cloned().unwrap_or_else(|| format!("$.{name}"))
}

fn about_fault(
    manifest: &Manifest,
    name: &str,
    critical: bool,
    word: &str,
    during: &Answer,
) -> Option<Finding> {
    let settings = &manifest.controls.health_report;
    let what = format!("while {name} was {word}, it {}", during.outcome.words());
    let mend = "ask the dependency, with a limit on the wait, and say what it says";
    let fail =
        |cause: &str, text: String| Some(showing(Finding::fail(cause, text).fix(mend), during));
    if during.status().is_none() {
        return fail("hangs", what);
    }
    if critical && during.status() == Some(settings.healthy_status) {
        return fail("says-healthy", what);
    }
    if critical && during.status() != Some(settings.degraded_status) {
        return fail("wrong-status", format!("{what}, expected {}", settings.degraded_status));
    }
    let said = at(during, &settings.word);
    if critical && said.as_ref().and_then(Value::as_str) != Some(&settings.degraded) {
        let said = said.map_or("no word".to_owned(), |word| word.to_string());
        return fail("wrong-word", format!("{what} with {said}, expected {:?}", settings.degraded));
    }
    let says = |path: &str| at(during, path).as_ref().and_then(is_there);
    if members(manifest).any(|(known, path)| known == name && says(&path) != Some(false)) {
        return fail("wrong-dependency", format!("{what} and did not say that {name} is away"));
    }
    let mut others = members(manifest).filter(|(other, _)| *other != name);
    let (blamed, _) = others.find(|(_, path)| says(path) == Some(false))?;
    fail("wrong-dependency", format!("{what} and said that {blamed} is away"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn run(during: (u16, &str)) -> model::Judgement {
        let text = "[dependencies.db]\nkind = \"postgres\"\n";
        let good = r#"{"status":"ok","db":true,"timestamp":1}"#;
        let seen = main(vec![
            answer(HEALTHY, "GET /health", 200).json(good),
            answer("during db refused", "GET /health", during.0).json(during.1),
            answer("healed db refused", "GET /health", 200).json(good),
        ]);
        HealthReport.judged(&manifest(text), &seen)
    }

    #[test]
    fn a_report_that_tells_the_truth_passes() {
        let judgement = run((503, r#"{"status":"degraded","db":false}"#));
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    }

    #[test]
    fn a_shape_that_nobody_declared_decides_nothing() {
        let text = "[dependencies.db]\nkind = \"postgres\"\n";
        let up = answer(HEALTHY, "GET /health", 200).json(r#"{"status":"UP"}"#);
        let seen = main(vec![
            up.clone(),
            Answer {
                label: "during db refused".into(),
                ..answer("", "GET /health", 503).json(r#"{"status":"DOWN"}"#)
            },
            Answer { label: "healed db refused".into(), ..up },
        ]);
        let judgement = HealthReport.judged(&manifest(text), &seen);
        assert_eq!(judgement.verdict(), Verdict::Inconclusive, "{judgement:?}");
        assert!(judgement.summary.contains("found \"UP\""), "{}", judgement.summary);
        let declared = format!(
            "{text}[controls.health-report]\npath = \"/health\"\nhealthy = \"UP\"\ndegraded = \"DOWN\"\n\
             timestamp = \"\"\ndependencies = {{ db = \"\" }}\n"
        );
        let judgement = HealthReport.judged(&manifest(&declared), &seen);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    }

    #[test]
    fn each_lie_has_its_cause() {
        for (status, body, cause) in [
            (200, r#"{"status":"ok","db":true}"#, "says-healthy"),
            (500, "{}", "wrong-status"),
            (503, r#"{"status":"ok","db":false}"#, "wrong-word"),
            (503, r#"{"status":"degraded","db":true}"#, "wrong-dependency"),
            (503, r#"{"status":"degraded","db":false,"url":"‹db.password›"}"#, "leaks"),
        ] {
            assert_eq!(run((status, body)).findings[0].cause, cause);
        }
    }
}
