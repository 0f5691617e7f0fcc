//! Only the declared origins are allowed.

mod origins;

use lab::Bench;
use model::{Answer, Applicability, Card, Finding, Lane, Reach, Ruling};
use settings::Manifest;

use crate::surface::judging::{once_per_cause, showing};
use crate::surface::tries::ANSWERED;
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};

pub(crate) struct Cors;

const SIMPLE: &str = "simple";
const COOKIE: &str = "simple with a cookie";
const PREFLIGHT: &str = "preflight";
const ERROR: &str = "error";

const FIX_DECLARED: &str = "allow it, preflights without a session included, or take it out of \
                            [controls.cors] origins";

impl SurfaceControl for Cors {
    const CARD: &'static Card = &Card {
        id: "cors",
        applicability: Applicability::Universal,
        reach: Reach::Target,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 1,
        decided_by: &[],
        page: include_str!("cors.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::each("declared origins", &["allowed"], ANSWERED),
        Tries::all("hostile origins", &["strange", "null", "similar"], ANSWERED),
    ];

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let tour = Tour::walk(bench, visitor).await;
        let manifest = bench.manifest();
        let read = tour.read(bench.manifest());
        let error = tour.errors(manifest, true).into_iter().next().map(|(_, request)| request);
        let declared = manifest.controls.cors.allow.iter();
        let allowed = declared.map(|pattern| ("allowed", origins::example_of(pattern)));
        let hostile = origins::hostile(&manifest.controls.cors.allow);
        let origins: Vec<_> = allowed.chain(hostile).collect();
        let each = 3 + usize::from(error.is_some());
        for (class, _) in &origins {
            visitor.plan(class, each);
        }
        for (class, origin) in origins {
            let with = |request: &client::Request| request.clone().header("Origin", &origin);
            let label = |kind: &str| format!("{class} {kind}");
            visitor.ask(&label(SIMPLE), &with(&read)).await;
            visitor.ask(&label(COOKIE), &with(&read).header("Cookie", "session=seaworthy")).await;
            let mut preflight = client::Request::new("OPTIONS", &read.target);
            preflight = with(&preflight).header("Access-Control-Request-Method", "GET");
            preflight = preflight.header("Access-Control-Request-Headers", "authorization");
            visitor.ask(&label(PREFLIGHT), &preflight).await;
            if let Some(error) = &error {
                visitor.ask(&label(ERROR), &with(error)).await;
            }
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let settings = &manifest.controls.cors;
        let asked: Vec<_> =
            surface.answers.iter().filter(|answer| !origin(answer).is_empty()).collect();
        let read = surface.labelled(&format!("strange {SIMPLE}")).any(Answer::is_success);
        if !read {
            let why = "no reading request succeeded, so refusals prove nothing; declare a journey";
            return Ruling::undecided(why);
        }
        let mut findings = Vec::new();
        let constant = is_constant(&asked);
        for answer in &asked {
            if answer.status().is_none() {
                continue;
            }
            if answer.label.starts_with("allowed") {
                findings.extend(about_allowed(answer, constant));
            } else {
                findings.extend(about_hostile(settings, answer));
            }
        }
        let held = match settings.allow.len() {
            0 => "no origin is allowed with credentials".to_owned(),
            n => format!("{n} declared allowed, the rest refused"),
        };
        Ruling::from_findings(held, once_per_cause(findings, asked.len()))
    }
}

fn origin(answer: &Answer) -> &str {
    let found = answer.request.headers.iter().find(|(name, _)| name == "Origin");
    found.map_or("", |(_, value)| value)
}

/// What a hostile origin was granted (OWASP ASVS 5.0 3.4.2).
fn about_hostile(settings: &settings::controls::Cors, answer: &Answer) -> Option<Finding> {
    let granted = answer.header("Access-Control-Allow-Origin")?.trim();
    let credentials = answer
        .header("Access-Control-Allow-Credentials")
        .is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
    let origin = origin(answer);
    let kind = answer.label.split_once(' ').map_or("", |(_, kind)| kind);
    let mend = "compare the whole origin with a list; never build it from the request";
    let finding = if granted == "*" {
        let text = format!("every origin may read answers ({kind})");
        if !settings.allow.is_empty() {
            Finding::fail("allows-everyone", text)
        } else if credentials {
            Finding::warn("star-with-credentials", text)
        } else if settings.public {
            return None;
        } else {
            Finding::note("public", text).fix("declare controls.cors.public, if it is meant")
        }
    } else if granted.eq_ignore_ascii_case(origin) {
        let with = if credentials { " with credentials" } else { "" };
        let text = format!("{origin} is allowed{with} ({kind})");
        let cause = match answer.label.split(' ').next() {
            Some("null") => "allows-null",
            Some("similar") => "matches-loosely",
            _ => "reflects-any-origin",
        };
        if credentials || !settings.allow.is_empty() {
            Finding::fail(cause, text)
        } else {
            Finding::warn(cause, text)
        }
    } else {
        return None;
    };
    let finding = if finding.fix.is_empty() { finding.fix(mend) } else { finding };
    Some(showing(finding, answer))
}

/// Whether everybody is told the same origin: then answers do not depend on who asks.
fn is_constant(asked: &[&&Answer]) -> bool {
    let others = asked.iter().filter(|answer| !answer.label.starts_with("allowed"));
    let mut others = others.filter(|answer| answer.is_success()).peekable();
    let told_another = |answer: &&&Answer| {
        let granted = answer.header("Access-Control-Allow-Origin").map(str::trim);
        granted.is_some_and(|granted| !granted.eq_ignore_ascii_case(origin(answer)))
    };
    others.peek().is_some() && others.all(told_another)
}

/// What a declared origin was not granted.
fn about_allowed(answer: &Answer, constant: bool) -> Vec<Finding> {
    let origin = origin(answer);
    let granted = answer.header("Access-Control-Allow-Origin").unwrap_or("nothing");
    let is_granted = granted == "*" || granted.eq_ignore_ascii_case(origin);
    let kind = answer.label.split_once(' ').map_or("", |(_, kind)| kind);
    let text = format!("{origin} is declared; {kind} was granted {granted}");
    if kind == ERROR {
        let finding = Finding::warn("missing-on-errors", text);
        let mend = "a page cannot read an error without it, and shows a network failure instead";
        return if is_granted { Vec::new() } else { vec![showing(finding.fix(mend), answer)] };
    }
    let preflight_fails = kind == PREFLIGHT && !answer.is_success();
    let mut findings = Vec::new();
    if !is_granted || preflight_fails {
        findings.push(showing(Finding::fail("refuses-declared", text).fix(FIX_DECLARED), answer));
    } else if granted != "*" && !constant {
        let vary = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("vary"));
        let names_it = vary
            .flat_map(|(_, value)| value.split(','))
            .any(|name| name.trim().eq_ignore_ascii_case("origin") || name.trim() == "*");
        if !names_it {
            let text =
                format!("the answer depends on the origin, but Vary does not say so ({kind})");
            let mend = "add Vary: Origin, or a cache gives one page's answer to another";
            findings.push(showing(Finding::warn("no-vary", text).fix(mend), answer));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn asked(label: &str, origin: &str, granted: &str, credentials: bool) -> Answer {
        let answer = answer(label, "GET /a", 200).asking("Origin", origin);
        let answer = if granted.is_empty() {
            answer
        } else {
            answer.with("Access-Control-Allow-Origin", granted)
        };
        let word = if credentials { "true" } else { "false" };
        answer.with("Access-Control-Allow-Credentials", word)
    }

    fn judged(more: &str, answers: Vec<Answer>) -> model::Judgement {
        Cors.judged(&manifest(more), &main(answers))
    }

    const EVIL: &str = "https://evil.example";

    #[test]
    fn silence_passes_and_a_reflection_with_credentials_fails() {
        let silent = judged("", vec![asked("strange simple", EVIL, "", false)]);
        assert_eq!(silent.verdict(), Verdict::Pass);
        let open = judged("", vec![asked("strange simple", EVIL, EVIL, true)]);
        assert_eq!(open.findings[0].cause, "reflects-any-origin");
        let constant = judged("", vec![asked("strange simple", EVIL, "https://a.example", true)]);
        assert_eq!(constant.verdict(), Verdict::Pass, "a constant origin is no reflection");
    }

    #[test]
    fn a_star_is_a_choice_unless_origins_are_declared() {
        let star = || vec![asked("strange simple", EVIL, "*", false)];
        assert_eq!(judged("", star()).verdict(), Verdict::Pass);
        let declared = "[controls.cors]\nallow = [\"https://a.example\"]\n";
        assert_eq!(judged(declared, star()).findings[0].cause, "allows-everyone");
    }

    #[test]
    fn the_declared_origin_must_be_allowed() {
        let declared = "[controls.cors]\nallow = [\"https://a.example\"]\n";
        let control = asked("strange simple", EVIL, "", false);
        let refused = asked("allowed simple", "https://a.example", "", false);
        let judgement = judged(declared, vec![control, refused]);
        assert_eq!(judgement.findings[0].cause, "refuses-declared");
    }
}
