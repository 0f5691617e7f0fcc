//! The API is versioned and unknown versions are refused clearly.

use client::Request;
use lab::Bench;
use model::declaration::Declaration;
use model::{Answer, Applicability, Card, Finding, Lane, Reach, Ruling};
use settings::Manifest;
use settings::controls::VersionStyle;

use crate::control::Applies;
use crate::surface::judging::{once_per_cause, showing};
use crate::surface::tour::path_of;
use crate::surface::tries::{ACCEPTED, WHATEVER};
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};

/// What would decide it.
const STYLE: Declaration = Declaration {
    lines: &["[controls.api-versions]", "style = \"path\""],
    what: "where the version of the API stands: \"path\" or \"header\"",
};

pub(crate) struct ApiVersions;

const CURRENT: &str = "current version";
const UNKNOWN: &str = "unknown version";
/// Versions that nobody serves.
const NUMBERS: [&str; 2] = ["999", "0"];

impl SurfaceControl for ApiVersions {
    const CARD: &'static Card = &Card {
        id: "api-versions",
        applicability: Applicability::Universal,
        reach: Reach::Target,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 1,
        decided_by: &[STYLE],
        page: include_str!("api_versions.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("requests for the current version", &[CURRENT], ACCEPTED),
        Tries::all("unknown versions", &[UNKNOWN], WHATEVER).planned(NUMBERS.len()),
    ];

    fn applies(manifest: &Manifest) -> Applies {
        if manifest.controls.api_versions.style.is_some() {
            return Applies::Yes;
        }
        Applies::Undeclared(
            "say where the version stands: [controls.api-versions] style = \"path\" or \
             \"header\"; or say under [not-applicable] why there is none"
                .to_owned(),
        )
    }

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let tour = Tour::walk(bench, visitor).await;
        let settings = &bench.manifest().controls.api_versions;
        let current = &settings.current;
        let of_path =
            |request: &Request| path_of(request).split('/').any(|segment| segment == current);
        match settings.style {
            Some(VersionStyle::Header) => {
                let read = tour.read(bench.manifest());
                visitor.ask(CURRENT, &read.clone().header(&settings.header, current)).await;
                for number in NUMBERS {
                    let other = current.replace(|c: char| c.is_ascii_digit(), "") + number;
                    visitor.ask(UNKNOWN, &read.clone().header(&settings.header, &other)).await;
                }
            }
            _ => {
                if let Some(step) = tour.reads().find(|step| of_path(&step.request)) {
                    visitor.ask(CURRENT, &step.request).await;
                    for number in NUMBERS {
                        let other = format!("/v{number}");
                        let target =
                            step.request.target.replacen(&format!("/{current}"), &other, 1);
                        visitor.ask(UNKNOWN, &Request { target, ..step.request.clone() }).await;
                    }
                }
            }
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let settings = &manifest.controls.api_versions;
        let current = surface.find(CURRENT);
        if !current.is_some_and(Answer::is_success) {
            let found =
                current.map_or("no route carries it".to_owned(), |answer| answer.outcome.words());
            let why = format!(
                "the version {:?} is not served ({found}), so a refusal proves nothing",
                settings.current
            );
            return Ruling::undecided(why);
        }
        let mut findings = Vec::new();
        let tried = surface.labelled(UNKNOWN);
        let count = tried.len();
        let mend = "answer 404, 400 or 406 with your usual error, and say which versions there are";
        for answer in tried {
            let text = format!("an unknown version {}", answer.outcome.words());
            let cause = match answer.status() {
                Some(200..300) => "accepts-unknown",
                // Often to the log-in page: the client never learns what was wrong.
                Some(300..400) => "redirects",
                Some(500..) | None => "fails",
                Some(_) if answer.bytes == 0 => "unclear",
                Some(_) => continue,
            };
            let text = match (cause, answer.header("location")) {
                ("unclear", _) => format!("{text} without a word"),
                ("redirects", Some(to)) => format!("{text}, a redirect to {to}"),
                _ => text,
            };
            findings.push(showing(Finding::fail(cause, text).fix(mend), answer));
        }
        if count == 0 {
            return Ruling::undecided("no unknown version was tried");
        }
        Ruling::from_findings(
            format!("{count} unknown versions are refused"),
            once_per_cause(findings, count),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn run(unknown: Answer) -> model::Judgement {
        ApiVersions.judged(&manifest(""), &main(vec![answer(CURRENT, "GET /v1/a", 200), unknown]))
    }

    #[test]
    fn an_unknown_version_is_refused_with_a_word() {
        let unknown = |status| answer(UNKNOWN, "GET /v999/a", status);
        assert_eq!(run(unknown(404).json("{}")).verdict(), Verdict::Pass);
        assert_eq!(run(unknown(404)).findings[0].cause, "unclear");
        assert_eq!(run(unknown(200).json("{}")).findings[0].cause, "accepts-unknown");
        assert_eq!(run(unknown(500).json("{}")).findings[0].cause, "fails");
        let judgement = run(unknown(302).with("Location", "/login"));
        assert_eq!(judgement.findings[0].cause, "redirects");
        assert!(judgement.findings[0].witness.contains("a redirect to /login"));
    }
}
