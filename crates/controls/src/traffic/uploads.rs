//! Uploads are checked by size, type and content.

mod files;

use client::Request;
use lab::Bench;
use model::{Answer, Applicability, Card, Finding, Lane, Outcome, Reach, Ruling};
use settings::Manifest;

use crate::control::Applies;
use crate::surface::judging::showing;
use crate::surface::tries::{ACCEPTED, REACHED};
use crate::surface::{Surface, SurfaceControl, Tries, Visitor};

pub(crate) struct Uploads;

/// A good file was refused; about how.
const NOT_TAKEN: &str = "not taken";

const GOOD: &str = "good";
const AFTER: &str = "afterwards";
const ESCAPED: &str = "written outside its folder";

impl SurfaceControl for Uploads {
    const CARD: &'static Card = &Card {
        id: "uploads",
        applicability: Applicability::Declared,
        reach: Reach::Lab,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 2,
        decided_by: &[],
        page: include_str!("uploads.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("good files", &[GOOD], ACCEPTED),
        Tries::all("bad files", files::LABELS, REACHED).planned(files::LABELS.len() - 1),
        Tries::all("good files afterwards", &[AFTER], REACHED),
    ];

    fn applies(manifest: &Manifest) -> Applies {
        match manifest.controls.uploads.request {
            Some(_) => Applies::Yes,
            None => Applies::No(
                "no upload is declared: [controls.uploads] request = \"POST /…\"".into(),
            ),
        }
    }

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let site = visitor.site();
        let settings = &bench.manifest().controls.uploads;
        if let Some(text) = &settings.request {
            let headers = identity(bench, visitor).await;
            let request = Request { headers, ..crate::work_request::declared(text) };
            let outside = site
                .instance()
                .map(|instance| instance.folder_from_outside().join("..").join(files::ESCAPED));
            for (label, file) in files::cases(settings) {
                bench.progress(label);
                let exchange = visitor.ask(label, &file.post(&request, settings)).await;
                let refused = exchange.response.as_ref().filter(|one| one.status >= 300);
                if let Some(response) = refused.filter(|_| label == GOOD) {
                    let shown: String = response.text().chars().take(200).collect();
                    let text = format!("{}, {shown:?}", response.status);
                    visitor.fact(NOT_TAKEN, text, i64::from(response.status));
                }
            }
            if outside.is_some_and(|path| path.exists()) {
                visitor.fact(ESCAPED, files::ESCAPED, 1);
            }
            let good = files::good(settings);
            visitor.ask(AFTER, &good.post(&request, settings)).await;
        }
    }

    fn rule(_: &Manifest, surface: &Surface<'_>) -> Ruling {
        let good = surface.find(GOOD);
        if !good.is_some_and(Answer::is_success) {
            let taken = surface.facts(NOT_TAKEN).next().map(|(text, _)| text);
            let why = match (taken, good) {
                (Some(text), _) => format!(
                    "a good file was not taken ({text}), so refusals prove nothing: further fields \
                     of the form go under [controls.uploads.fields], a log-in into `journey`"
                ),
                (None, Some(answer)) => {
                    format!("a good file {}, so refusals prove nothing", answer.outcome.words())
                }
                (None, None) => "no good file was sent, so refusals prove nothing".to_owned(),
            };
            return Ruling::undecided(why);
        }
        let mend = "look at the first bytes, not at the name or the declared type; count the size \
                    while reading; store under a name of your own (OWASP ASVS 5.0 5.2.2, 5.3.2)";
        let mut findings = Vec::new();
        let mut tried = 0;
        let exit = surface.trial.exit();
        let mut last = None;
        for (label, cause) in files::EXPECTED {
            let Some(answer) = surface.find(label) else { continue };
            tried += 1;
            let text = format!("{label}: it {}", answer.outcome.words());
            let closed = matches!(answer.outcome, Outcome::Closed { .. } | Outcome::Reset { .. });
            let cause = match answer.status() {
                None if closed && label == files::TOO_LARGE => continue,
                // Its end explains everything that was not answered.
                None if exit.is_some() => {
                    last.get_or_insert(answer);
                    continue;
                }
                None => "fails",
                Some(500..) => "fails",
                Some(400..500) => continue,
                // A name may be replaced instead of refused; then nothing of it comes back.
                Some(_) if label == files::TRAVERSAL && !answer.body.contains("..") => continue,
                Some(_) => cause,
            };
            findings.push(showing(Finding::fail(cause, text).fix(mend), answer));
        }
        if surface.facts(ESCAPED).next().is_some() {
            let text = "a file whose name leads upwards was written outside its folder";
            findings.push(Finding::fail("keeps-traversal", text).fix(mend));
        }
        if let Some((code, signal)) = exit {
            let text = format!("it ended (code {code:?}, signal {signal:?}) during these uploads");
            let finding = Finding::fail("crashes", text).fix(mend).log(surface.trial.few_lines());
            findings.push(last.map_or(finding.clone(), |answer| showing(finding, answer)));
        } else if surface.find(AFTER).is_some_and(|answer| !answer.is_success()) {
            let text = "afterwards a good file is refused";
            findings.push(Finding::fail("does-not-recover", text).fix(mend));
        }
        if tried == 0 {
            return Ruling::undecided("no file was tried").with(findings);
        }
        Ruling::from_findings(format!("{tried} bad files were refused or disarmed"), findings)
    }
}

/// The declared upload of a good file under another name, where one is declared.
pub(crate) async fn named(bench: &Bench, visitor: &Visitor<'_>, name: &str) -> Option<Request> {
    let settings = &bench.manifest().controls.uploads;
    let request = crate::work_request::declared(settings.request.as_deref()?);
    let request = Request { headers: identity(bench, visitor).await, ..request };
    Some(files::good(settings).named(name).post(&request, settings))
}

/// What the last step of the declared journey carried as proof of identity.
async fn identity(bench: &Bench, visitor: &Visitor<'_>) -> Vec<(String, String)> {
    let journey = bench.manifest().controls.uploads.journey.as_deref();
    let Some((_, journey)) = journey.and_then(|name| bench.journey(Some(name))) else {
        return Vec::new();
    };
    let mut walk = visitor.person();
    let mut headers = Vec::new();
    for entry in journey.before_log_out() {
        let Some((request, _, result)) = visitor.step("before", &mut walk, entry).await else {
            break;
        };
        headers = request.headers;
        if result.is_err() {
            break;
        }
    }
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use crate::trials::build::exited;
    use model::Verdict;

    fn run(label: &str, status: u16, body: &str) -> model::Judgement {
        let case = answer(label, "POST /a", status).json(body);
        Uploads.judged(
            &manifest(""),
            &main(vec![answer(GOOD, "POST /a", 201), case, answer(AFTER, "POST /a", 201)]),
        )
    }

    #[test]
    fn bad_files_are_refused_or_disarmed() {
        assert_eq!(run(files::WRONG_CONTENT, 415, "{}").verdict(), Verdict::Pass);
        assert_eq!(run(files::TRAVERSAL, 201, r#"{"name":"1.png"}"#).verdict(), Verdict::Pass);
        for (label, status, body, cause) in [
            (files::WRONG_CONTENT, 201, "{}", "accepts-wrong-content"),
            (files::TRAVERSAL, 201, r#"{"name":"../x.png"}"#, "keeps-traversal"),
            (files::TOO_LARGE, 201, "{}", "accepts-too-large"),
            (files::BOMB, 500, "{}", "fails"),
        ] {
            assert_eq!(run(label, status, body).findings[0].cause, cause);
        }
    }

    #[test]
    fn a_crash_explains_what_was_not_answered() {
        let mut case = answer(files::WRONG_CONTENT, "POST /a", 415);
        case.outcome = Outcome::Closed { received: 0 };
        let mut seen = main(vec![answer(GOOD, "POST /a", 201), case]);
        let trial = seen[0].trial.clone();
        seen.push(model::Observation { at: 9_000_000, trial, seen: exited(139) });
        let judgement = Uploads.judged(&manifest(""), &seen);
        let causes: Vec<_> = judgement.findings.iter().map(|f| f.cause.as_str()).collect();
        assert_eq!(causes, ["crashes"]);
    }
}
