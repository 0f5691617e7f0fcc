//! Every list is bounded.

mod counts;

use client::Request;
use futures_util::future;
use journey::{Entry, Journey, Walk};
use lab::Bench;
use model::declaration::A_JOURNEY;
use model::{Applicability, Card, Finding, Lane, Reach, Ruling, Seen};
use settings::Manifest;

use crate::control::Applies;
use crate::surface::judging::{once_per_cause, showing};
use crate::surface::tour::TOUR;
use crate::surface::tries::{ACCEPTED, WHATEVER};
use crate::surface::visitor::PATIENCE;
use crate::surface::{Surface, SurfaceControl, Tries, Visitor};

pub(crate) struct Pagination;

const ROWS: &str = "rows made";
const LISTED: &str = "rows listed";
/// How many rows there are in all, as a list says beside its own.
const TOTAL: &str = "rows in all";
const BEFORE: &str = "before";
const AFTER: &str = "after";
const HUGE: &str = "a huge page";
/// What asks for a page size.
const LIMITS: [&str; 8] =
    ["limit", "per_page", "perPage", "page_size", "pageSize", "size", "count", "take"];
const MILLION: &str = "1000000";
/// The same lists after many more rows were made.
const LATER: &str = "with many rows";
const LATER_HUGE: &str = "many rows, a huge page";
const MANY: &str = "many rows made";
/// How many rows are made when a page held all of the first ones, and how many of them are enough.
const CERTAIN: u32 = 1250;
const LARGE: usize = 1200;
/// The largest page that anybody would call bounded.
const LARGEST: usize = 1000;
/// So many rows are made at once.
const AT_ONCE: u32 = 4;

impl SurfaceControl for Pagination {
    const CARD: &'static Card = &Card {
        id: "pagination",
        applicability: Applicability::Universal,
        reach: Reach::Lab,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 4,
        decided_by: &[A_JOURNEY],
        page: include_str!("pagination.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("lists before and after rows were made", &[BEFORE, AFTER], ACCEPTED),
        Tries::each("huge pages", &[HUGE], WHATEVER),
        Tries::each("lists with many more rows", &[LATER, LATER_HUGE], WHATEVER),
    ];

    fn applies(manifest: &Manifest) -> Applies {
        if !manifest.journeys.is_empty() {
            return Applies::Yes;
        }
        Applies::Undeclared(
            "declare a journey that writes and lists rows; or say under [not-applicable] that \
             there is no list"
                .to_owned(),
        )
    }

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let settings = &bench.manifest().controls.pagination;
        let mut people = Vec::new();
        for (name, journey) in bench.journeys() {
            people.extend(Person::walk(visitor, settings, name, journey).await);
        }
        // What one journey makes may stand in a list that another reads.
        let lists: Vec<Request> = people.iter().flat_map(|one| one.lists.clone()).collect();
        for list in &lists {
            list_it(visitor, list, BEFORE).await;
        }
        let mut made = 0;
        for one in &mut people {
            bench.progress(format!("making {} rows with {}", settings.rows, one.journey));
            let own = make_rows(visitor, &mut one.walk, &one.writes, settings.rows).await;
            visitor.fact(ROWS, one.journey.as_str(), i64::from(own));
            made = made.max(own);
        }
        let largest = list_all(visitor, settings, &lists, (AFTER, HUGE)).await;
        // A largest page of a few hundred looks like none until there are more rows than that.
        if largest >= settings.rows as usize && made < CERTAIN {
            bench.progress("making more rows, because a page held all of them");
            for one in &mut people {
                let more = make_rows(visitor, &mut one.walk, &one.writes, CERTAIN - made).await;
                visitor.fact(MANY, one.journey.as_str(), i64::from(made + more));
            }
            list_all(visitor, settings, &lists, (LATER, LATER_HUGE)).await;
        }
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let wanted = manifest.controls.pagination.rows as usize;
        let made = surface.facts(ROWS).map(|(_, made)| made).max().unwrap_or(0);
        let made = usize::try_from(made).unwrap_or(0);
        let listed: Vec<(usize, &str, &str)> =
            surface.facts(LISTED).filter_map(listed_as).collect();
        if listed.is_empty() {
            return Ruling::undecided(
                "no step of a journey answers a list; declare one: [controls.pagination] lists = \
                 [\"GET /…\"]",
            );
        }
        let mend = "give every list a page size and a largest one, and cut what is asked for to it";
        let many = surface.facts(MANY).map(|(_, many)| many).max().unwrap_or(0);
        let many = usize::try_from(many).unwrap_or(0);
        let mut findings = Vec::new();
        for (count, phase, target) in &listed {
            let answer =
                surface.answers.iter().find(|a| a.label == *phase && a.request.target == *target);
            let all = made.max(many);
            let unbounded = || {
                ("unbounded", format!("{all} rows were made, and {target} answers {count} at once"))
            };
            let ignored = || ("limit-ignored", format!("{target} answers {count} rows at once"));
            // Where more could be made, they decide.
            let (cause, text) = match *phase {
                AFTER if many < LARGE && made >= wanted && *count >= wanted => unbounded(),
                HUGE if many < LARGE && *count >= wanted => ignored(),
                LATER if many >= LARGE && *count > LARGEST => unbounded(),
                LATER_HUGE if many >= LARGE && *count > LARGEST => ignored(),
                _ => continue,
            };
            let finding = Finding::fail(cause, text).fix(mend);
            findings.push(answer.map_or(finding.clone(), |answer| showing(finding, answer)));
        }
        let unbounded: Vec<_> =
            findings.iter().filter(|f| f.cause == "unbounded").map(|f| f.subject.clone()).collect();
        // A list without any bound ignores a limit, too; that is the same defect.
        findings.retain(|f| {
            f.cause == "unbounded"
                || !unbounded.iter().any(|subject| f.subject.starts_with(subject))
        });
        for answer in
            surface.labelled(HUGE).filter(|a| a.status().is_none_or(|status| status >= 500))
        {
            let text = format!("a page of a million rows: it {}", answer.outcome.words());
            findings.push(showing(Finding::fail("fails", text).fix(mend), answer));
        }
        let largest = listed.iter().map(|(count, ..)| *count).max().unwrap_or(0);
        let grew = grown_by_either(surface, &listed);
        let bounded = many >= LARGE;
        if findings.is_empty() && !bounded && made >= wanted && grew.is_empty() && largest < wanted
        {
            let lists = listed.iter().filter(|(_, phase, _)| *phase == AFTER);
            let lists: Vec<_> = lists.map(|(_, _, target)| *target).collect();
            let why = format!(
                "{made} rows were made, and none of them shows in {}: declare the list that holds \
                 what the journey makes, [controls.pagination] lists = [\"GET /…\"]",
                lists.join(", ")
            );
            return Ruling::undecided(why);
        }
        if findings.is_empty() && made < wanted && largest < wanted {
            let why = format!(
                "only {made} of {wanted} rows could be made, too few to see whether lists are \
                 bounded"
            );
            return Ruling::undecided(why);
        }
        let held = match grew.as_slice() {
            [] => format!("no list holds more than {largest} rows at once"),
            lists => format!(
                "{made} rows were made, and {} answers at most {largest} at once",
                lists.join(", ")
            ),
        };
        Ruling::from_findings(held, once_per_cause(findings, listed.len()))
    }
}

/// Somebody who has walked a journey. Lists may hold only one's own rows, so one person makes rows
/// and lists them.
struct Person {
    journey: String,
    walk: Walk,
    lists: Vec<Request>,
    writes: Vec<Entry>,
}

impl Person {
    /// Walks a journey. `None` when a step was not as expected, which is recorded.
    async fn walk(
        visitor: &Visitor<'_>,
        settings: &settings::controls::Pagination,
        name: &str,
        journey: &Journey,
    ) -> Option<Self> {
        let mut walk = visitor.person();
        let (mut lists, mut writes) = (Vec::new(), Vec::new());
        let mut done = true;
        let entries = journey.before_log_out();
        for entry in entries {
            let Some((request, exchange, result)) = visitor.step(TOUR, &mut walk, entry).await
            else {
                done = false;
                break;
            };
            let rows = exchange.response.as_ref().and_then(|response| counts::rows(&response.body));
            if settings.lists.is_empty() && request.method == "GET" && rows.is_some() {
                lists.push(request.clone());
            }
            // A form's success is the redirect that its step expects.
            let created = exchange.status().is_some_and(|status| {
                (200..300).contains(&status) || (300..400).contains(&status) && result.is_ok()
            });
            if created && request.method == "POST" && !request.body.is_empty() {
                writes.push(entry.clone());
            }
            if result.is_err() {
                done = false;
                break;
            }
        }
        let steps = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let failure = (!done).then(|| "a step was not as expected".to_owned());
        visitor.trial().saw(Seen::Walked { journey: name.to_owned(), failure, steps });
        lists.extend(settings.lists.iter().map(|text| with_identity(text, &walk, journey)));
        done.then(|| Self { journey: name.to_owned(), walk, lists, writes })
    }
}

/// Reads every list, as it is and with a huge page. The most rows that one answer held.
async fn list_all(
    visitor: &Visitor<'_>,
    settings: &settings::controls::Pagination,
    lists: &[Request],
    (plain, huge): (&str, &str),
) -> usize {
    let mut largest = 0;
    for list in lists {
        largest = largest.max(list_it(visitor, list, plain).await);
        for limit in settings.limit.as_deref().map_or(LIMITS.to_vec(), |limit| vec![limit]) {
            let separator = if list.target.contains('?') { '&' } else { '?' };
            let target = format!("{}{separator}{limit}={MILLION}", list.target);
            let request = Request { target, ..list.clone() };
            largest = largest.max(list_it(visitor, &request, huge).await);
        }
    }
    largest
}

/// A declared list, with the headers of the journey's last step.
fn with_identity(text: &str, walk: &Walk, journey: &Journey) -> Request {
    let mut request = crate::work_request::declared(text);
    if let Some(Ok(last)) = journey.before_log_out().last().map(|entry| walk.request(entry)) {
        let identity = last.headers.into_iter();
        request.headers =
            identity.filter(|(n, _)| !n.eq_ignore_ascii_case("content-type")).collect();
    }
    request
}

/// How many rows it answered.
async fn list_it(visitor: &Visitor<'_>, list: &Request, phase: &str) -> usize {
    let exchange = visitor.ask(phase, list).await;
    let count = exchange.response.as_ref().and_then(|response| counts::rows(&response.body));
    if let Some(total) = exchange.response.as_ref().and_then(counts::total) {
        visitor.fact(TOTAL, format!("{phase} {}", list.target), total);
    }
    if let Some(count) = count {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        visitor.fact(LISTED, format!("{phase} {}", list.target), count);
    }
    count.unwrap_or(0)
}

/// Repeats what writes, each in turn as often as it succeeds. How many succeeded at most.
pub(super) async fn make_rows(
    visitor: &Visitor<'_>,
    walk: &mut Walk,
    writes: &[Entry],
    wanted: u32,
) -> u32 {
    let mut most = 0;
    for entry in writes.iter().rev() {
        let mut made = 0;
        'rows: while made < wanted {
            let count = AT_ONCE.min(wanted - made);
            let requests: Vec<_> = (0..count).filter_map(|_| walk.request(entry).ok()).collect();
            let sent = requests.iter().map(|request| visitor.send(request, PATIENCE));
            let exchanges = future::join_all(sent).await;
            if exchanges.is_empty() {
                break;
            }
            for exchange in exchanges {
                match exchange.status() {
                    Some(200..300) => {}
                    Some(300..400) if walk.check(entry, &exchange).is_ok() => {}
                    _ => break 'rows,
                }
                made += 1;
            }
        }
        most = most.max(made);
        if most == wanted {
            break;
        }
    }
    most
}

/// A count, the phase in which it was read, and the list.
fn listed_as((about, count): (&str, i64)) -> Option<(usize, &str, &str)> {
    let (phase, target) = about.rsplit_once(' ')?;
    Some((usize::try_from(count).ok()?, phase, target))
}

/// The lists that grew: in rows on the page, or in how many they say there are.
fn grown_by_either<'a>(
    surface: &Surface<'a>,
    listed: &[(usize, &'a str, &'a str)],
) -> Vec<&'a str> {
    let totals: Vec<_> = surface.facts(TOTAL).filter_map(listed_as).collect();
    let mut grew = [grown(listed), grown(&totals)].concat();
    grew.sort_unstable();
    grew.dedup();
    grew
}

/// The lists that grew by what was made: what stays the same says nothing of its bound.
fn grown<'a>(listed: &[(usize, &'a str, &'a str)]) -> Vec<&'a str> {
    let count = |phase: &str, list: &str| {
        let mut all = listed.iter().rev();
        all.find(|(_, p, t)| *p == phase && *t == list).map(|(count, ..)| *count)
    };
    let mut lists: Vec<&str> = listed.iter().map(|(_, _, target)| *target).collect();
    lists.retain(|list| count(AFTER, list) > count(BEFORE, list) && count(BEFORE, list).is_some());
    lists.dedup();
    lists
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::{Observation, Verdict};

    fn run(made: i64, lists: &[(&str, i64)]) -> model::Judgement {
        let mut seen = main(vec![answer(AFTER, "GET /a", 200)]);
        let trial = seen[0].trial.clone();
        let all = lists.iter().map(|(about, count)| fact(LISTED, about, *count));
        let all = all.chain([fact(ROWS, "order", made)]);
        seen.extend(all.map(|seen| Observation { at: 9, trial: trial.clone(), seen }));
        Pagination.judged(&manifest(""), &seen)
    }

    #[test]
    fn a_list_is_bounded_or_not() {
        let judgement = run(250, &[("before /a", 1), ("after /a", 20)]);
        assert_eq!(judgement.verdict(), Verdict::Pass);
        assert_eq!(run(250, &[("after /a", 250)]).findings[0].cause, "unbounded");
        let huge = run(250, &[("after /a", 20), ("a huge page /a?limit=1000000", 300)]);
        assert_eq!(huge.findings[0].cause, "limit-ignored");
    }

    #[test]
    fn a_largest_page_of_a_few_hundred_is_a_bound() {
        let run = |many: i64, counts: &[(&str, i64)]| {
            let mut seen = main(vec![answer(AFTER, "GET /a", 200)]);
            let trial = seen[0].trial.clone();
            let all = counts.iter().map(|(about, count)| fact(LISTED, about, *count));
            let all = all.chain([fact(ROWS, "order", 250), fact(MANY, "order", many)]);
            seen.extend(all.map(|seen| Observation { at: 9, trial: trial.clone(), seen }));
            Pagination.judged(&manifest(""), &seen)
        };
        let first = [("before /a", 1), ("after /a", 30), ("a huge page /a?perPage=1000000", 250)];
        let with = |last: i64| {
            let later = ("many rows, a huge page /a?perPage=1000000", last);
            [&first[..], &[later]].concat()
        };
        assert_eq!(run(1250, &with(1000)).verdict(), Verdict::Pass);
        assert_eq!(run(1250, &with(1250)).findings[0].cause, "limit-ignored");
        let whole = [("before /a", 1), ("after /a", 250), ("with many rows /a", 1250)];
        assert_eq!(run(1250, &whole).findings[0].cause, "unbounded");
        let default = [("before /a", 1), ("after /a", 250), ("with many rows /a", 500)];
        assert_eq!(run(1250, &default).verdict(), Verdict::Pass);
    }

    #[test]
    fn a_list_that_does_not_hold_what_was_made_decides_nothing() {
        let judgement = run(250, &[("before /items", 3), ("after /items", 3)]);
        assert_eq!(judgement.verdict(), Verdict::Inconclusive);
        assert!(judgement.summary.contains("none of them shows in /items"), "{judgement:?}");
    }

    #[test]
    fn a_full_page_that_says_how_many_there_are_holds_what_was_made() {
        let seen = |before: i64, after: i64| {
            let mut seen = main(vec![answer(AFTER, "GET /a", 200)]);
            let trial = seen[0].trial.clone();
            let all = [
                fact(LISTED, "before /a", 20),
                fact(LISTED, "after /a", 20),
                fact(TOTAL, "before /a", before),
                fact(TOTAL, "after /a", after),
                fact(ROWS, "order", 250),
            ];
            seen.extend(all.map(|seen| Observation { at: 9, trial: trial.clone(), seen }));
            Pagination.judged(&manifest(""), &seen)
        };
        assert_eq!(seen(50, 300).verdict(), Verdict::Pass);
        assert_eq!(seen(50, 50).verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn too_few_rows_decide_nothing() {
        assert_eq!(run(3, &[("after /a", 3)]).verdict(), Verdict::Inconclusive);
    }
}
