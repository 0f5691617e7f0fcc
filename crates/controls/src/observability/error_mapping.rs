//! Duplicates are 409, bad references 4xx, conflicts retryable: database errors become stable
//! codes.

use journey::Journey;
use lab::Bench;
use model::declaration::A_JOURNEY;
use model::{Answer, Applicability, Card, Finding, Lane, Reach, Ruling, Severity};
use settings::Manifest;

use crate::control::Applies;
use crate::surface::judging::{once_per_cause, showing};
use crate::surface::tour::proves_a_form;
use crate::surface::tries::{REACHED, WHATEVER};
use crate::surface::visitor::PATIENCE;
use crate::surface::{Surface, SurfaceControl, Tries, Visitor};

pub(crate) struct ErrorMapping;

const FIRST: &str = "first";
const SECOND: &str = "again";
const RACE: &str = "at once";
const REFERENCE: &str = "bad reference";
/// How many of the same request are sent at once.
const AT_ONCE: usize = 8;
/// What every person has, and what is no reference.
const OWN: [&str; 4] = ["base", "host", "unique", "newUuid"];

impl SurfaceControl for ErrorMapping {
    const CARD: &'static Card = &Card {
        id: "error-mapping",
        applicability: Applicability::Universal,
        reach: Reach::Lab,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 2,
        decided_by: &[A_JOURNEY],
        page: include_str!("error_mapping.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::each("duplicates", &[SECOND, RACE], REACHED),
        Tries::each("bad references", &[REFERENCE], WHATEVER),
    ];

    fn applies(manifest: &Manifest) -> Applies {
        if !manifest.journeys.is_empty() {
            return Applies::Yes;
        }
        Applies::Undeclared(
            "declare a journey that writes; or say under [not-applicable] that nothing can collide"
                .to_owned(),
        )
    }

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        for (name, journey) in bench.journeys() {
            for (at, entry) in journey.entries.iter().enumerate() {
                let carries = entry.has_body();
                let writes = carries && entry.method != "GET";
                let place = format!("{name}/{}", at + 1);
                bench.progress(format!("{} {}", entry.method, entry.url));
                if writes {
                    collide(visitor, journey, at, &place).await;
                }
                refer(visitor, journey, at, &place).await;
            }
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let expected = manifest.controls.error_mapping.duplicate;
        let mend = "map the database's codes: unique violation 409, foreign key and check \
                    violation 4xx, serialization failure 503 with Retry-After (SQLSTATE 23505, \
                    23503, 23514, 40001)";
        let fail = |cause: &str, text: String, answer: &Answer| {
            showing(Finding::fail(cause, text).fix(mend), answer)
        };
        let is_failure = |answer: &Answer| answer.status().is_none_or(|status| status >= 500);
        let mut findings = Vec::new();
        let (mut refused, mut references) = (0, 0);
        for answer in surface.labelled(SECOND) {
            let text = format!("the same {} again: it {}", answer.asked(), answer.outcome.words());
            if is_failure(answer) {
                findings.push(fail("unmapped-duplicate", text, answer));
            } else if is_duplicate(answer, expected) {
                refused += 1;
                if answer.status() != Some(expected) && answer.is_error() {
                    let finding =
                        Finding::warn("other-code", format!("{text}, expected {expected}"));
                    findings.push(showing(finding, answer));
                }
            }
            // A duplicate that is refused one by one must be refused at once, too.
            let place = answer.label.trim_start_matches(SECOND).trim();
            let race: Vec<_> = surface.labelled(&format!("{RACE} {place}")).collect();
            // "Try again later" is an answer that a caller can act on.
            let fails = |a: &&&Answer| is_failure(a) && a.status() != Some(503);
            if let Some(failed) = race.iter().find(fails).filter(|_| !is_failure(answer)) {
                let text = format!(
                    "{} of the same {} at once: one {}",
                    race.len(),
                    failed.asked(),
                    failed.outcome.words()
                );
                findings.push(fail("race-unmapped", text, failed));
            }
            let first = surface.find(&format!("{FIRST} {place}"));
            let accepted = race.iter().filter(|a| is_like(first, a)).count();
            if is_duplicate(answer, expected) && accepted > 1 {
                let text = format!(
                    "{accepted} of {} of the same {} at once were accepted",
                    race.len(),
                    answer.asked()
                );
                findings.push(fail("both-accepted", text, answer));
            }
        }
        for answer in surface.labelled(REFERENCE) {
            references += usize::from(answer.is_error() || answer.is_refused_by_its_step());
            let text = format!(
                "{} with something that does not exist: it {}",
                answer.asked(),
                answer.outcome.words()
            );
            if is_failure(answer) {
                findings.push(fail("unmapped-reference", text, answer));
            } else if answer.is_success() && !answer.is_refused_by_its_step() {
                findings.push(showing(Finding::warn("accepts-reference", text), answer));
            }
        }
        let failed = findings.iter().any(|finding| finding.severity == Severity::Fail);
        if !failed && refused + references == 0 {
            return Ruling::undecided(
                "no step of a journey collides or refers to another; a sign-up with a unique \
                 address does",
            )
            .with(findings);
        }
        let held = format!("refused: duplicates {refused}, bad references {references}");
        Ruling::from_findings(held, once_per_cause(findings, surface.answers.len()))
    }
}

/// Whether a refusal is about the duplicate: a session, a ticket or a precondition that is used up
/// says nothing of it.
fn is_duplicate(answer: &Answer, expected: u16) -> bool {
    let status = answer.status().unwrap_or_default();
    answer.is_refused_by_its_step()
        || answer.is_error()
            && (status == expected
                || !matches!(status, 401 | 403 | 404 | 405 | 407 | 412 | 419 | 428))
}

/// Whether an answer is the success that the first one was: a form's success is a redirect, and the
/// same redirect elsewhere is none.
fn is_like(first: Option<&Answer>, answer: &Answer) -> bool {
    let Some(first) = first else { return answer.is_success() };
    let place = |answer: &Answer| {
        let to = answer.header("location").unwrap_or_default();
        to.chars().filter(|c| !c.is_ascii_digit()).collect::<String>()
    };
    !answer.is_refused_by_its_step()
        && answer.status() == first.status()
        && place(answer) == place(first)
}

/// The same request again, and several at once.
async fn collide(visitor: &Visitor<'_>, journey: &Journey, at: usize, place: &str) -> Option<()> {
    let entry = &journey.entries[at];
    let request = visitor.person_before(journey, at).await?.request(entry).ok()?;
    let first = visitor.ask(&format!("{FIRST} {place}"), &request).await;
    // The success of a form is what its step expects: a redirect, more often than not.
    let mut walk = visitor.person();
    if !first.status().is_some_and(|status| (200..400).contains(&status))
        || walk.check(entry, &first).is_err()
    {
        return None;
    }
    visitor.ask_as_step(&format!("{SECOND} {place}"), &request, entry, PATIENCE).await;
    let request = visitor.person_before(journey, at).await?.request(entry).ok()?;
    let label = format!("{RACE} {place}");
    let all = (0..AT_ONCE).map(|_| visitor.ask_as_step(&label, &request, entry, PATIENCE));
    futures_util::future::join_all(all).await;
    Some(())
}

/// What an earlier step captured is replaced by something that does not exist.
async fn refer(visitor: &Visitor<'_>, journey: &Journey, at: usize, place: &str) -> Option<()> {
    let entry = &journey.entries[at];
    let texts = [Some(entry.url.as_str()), entry.body.as_deref()];
    let texts = texts.into_iter().flatten().chain(entry.form_values());
    let mut names: Vec<&str> = texts.flat_map(variables).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        // A token against forgery refers to nothing that is stored.
        if OWN.contains(&name) || name.starts_with("environment.") || proves_a_form(name) {
            continue;
        }
        let mut walk = visitor.person_before(journey, at).await?;
        let known = walk.value(name).unwrap_or_default().to_owned();
        walk.set(name, &nobody(&known));
        let request = walk.request(entry).ok()?;
        let label = format!("{REFERENCE} {name} {place}");
        visitor.ask_as_step(&label, &request, entry, PATIENCE).await;
    }
    Some(())
}

fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.trim()))
}

/// Something of the same form that does not exist.
fn nobody(known: &str) -> String {
    if known.parse::<i64>().is_ok() {
        return "987654321".to_owned();
    }
    let letter = |c: char| match c {
        'a'..='f' | '0'..='9' => fastrand::char('0'..='9'),
        'A'..='Z' => fastrand::char('A'..='Z'),
        'g'..='z' => fastrand::char('g'..='z'),
        other => other,
    };
    known.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn run(second: u16, race: [u16; 2], reference: u16) -> model::Judgement {
        let asked = "POST /a";
        let seen = main(vec![
            answer("first a/1", asked, 201),
            answer("again a/1", asked, second),
            answer("at once a/1", asked, race[0]),
            answer("at once a/1", asked, race[1]),
            answer("bad reference item a/1", asked, reference),
        ]);
        ErrorMapping.judged(&manifest(""), &seen)
    }

    #[test]
    fn each_way_of_colliding_has_its_cause() {
        assert_eq!(run(409, [201, 409], 404).verdict(), Verdict::Pass);
        assert_eq!(run(201, [201, 201], 404).verdict(), Verdict::Pass, "it may be repeated");
        for (second, race, reference, cause) in [
            (500, [201, 500], 404, "unmapped-duplicate"),
            (409, [201, 500], 404, "race-unmapped"),
            (409, [201, 201], 404, "both-accepted"),
            (409, [201, 409], 500, "unmapped-reference"),
        ] {
            assert_eq!(run(second, race, reference).findings[0].cause, cause);
        }
        assert_eq!(run(400, [201, 400], 404).findings[0].cause, "other-code");
    }

    #[test]
    fn a_form_that_is_shown_again_was_refused() {
        let form = |label: &str, expected: bool| Answer {
            as_expected: Some(expected),
            ..answer(label, "POST /signup", 200).with("Content-Type", "text/html")
        };
        let all = |race: [bool; 2]| {
            let answers = vec![
                form("first a/1", true),
                form("again a/1", false),
                form("at once a/1", race[0]),
                form("at once a/1", race[1]),
            ];
            ErrorMapping.judged(&manifest(""), &main(answers))
        };
        assert_eq!(all([true, false]).verdict(), Verdict::Pass);
        assert_eq!(all([true, true]).findings[0].cause, "both-accepted");
    }

    #[test]
    fn what_is_used_up_is_no_duplicate_and_nothing_refused_decides_nothing() {
        let seen = main(vec![
            answer("first a/1", "POST /a", 201),
            answer("again a/1", "POST /a", 403),
            answer("at once a/1", "POST /a", 201),
            answer("at once a/1", "POST /a", 201),
        ]);
        assert_eq!(ErrorMapping.judged(&manifest(""), &seen).verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn nobody_has_the_same_form() {
        assert_eq!(nobody("17"), "987654321");
        assert_ne!(nobody("0198f7a1-ab"), "0198f7a1-ab");
        assert_eq!(nobody("0198f7a1-ab").len(), 11);
    }
}
