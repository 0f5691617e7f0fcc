//! No password, token, card or personal datum reaches logs or error reports.

mod canaries;

use std::collections::BTreeMap;

use client::Request;
use lab::Bench;
use lab::fault::{Fault, Kind};
use model::declaration::Declaration;
use model::observation::Stream;
use model::{Answer, Applicability, Card, Finding, Lane, Need, Reach, Ruling, Seen, Severity};
use settings::Manifest;

use crate::surface::tour::{TOUR, with_constant_headers};
use crate::surface::tries::{FAULT, WHATEVER};
use crate::surface::{LOGGED_WITHIN, Surface, SurfaceControl, Tour, Tries, Visitor};
use crate::traffic::uploads;

/// What would decide it.
const LOG_FILE: Declaration = Declaration {
    lines: &["[service]", "log_file = \"{scratch}/service.log\""],
    what: "where it logs, when that is not its output",
};

pub(crate) struct PrivateLogs;

const REAL: &str = "with real credentials";
const FORGERY: &str = "a forged line";
const MARKER: &str = "marker";
/// What to do about values in paths.
const DECLARE: &str = "where a path holds something secret or personal, log its route instead, and \
                       declare it: [controls.private-logs] paths = [\"/invitations/{token}\"]";
const FORGED: &str = "seaworthy-forged-line";
/// So many lines while the canaries were sent show that its log is seen, where none names a request.
const TELLING: usize = 3;
/// What stands in the place of a canary, wherever it was found and in whatever form.
const FOUND: &str = "‹canary ";
const DECLARE_QUERY: &str = "keep secrets out of queries (ASVS 5.0 14.2.1); where one travels there, \
                             as in a link that resets a password, declare it and it must not be \
                             logged: [controls.private-logs] queries = [\"token\"]";

impl SurfaceControl for PrivateLogs {
    const CARD: &'static Card = &Card {
        id: "private-logs",
        applicability: Applicability::Universal,
        reach: Reach::Lab,
        lane: Lane::Shared,
        disturbs: "its own instance and its dependencies",
        budget: 3,
        decided_by: &[LOG_FILE],
        page: include_str!("private_logs.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("requests with canaries", &["canaries"], WHATEVER).needs(Need::Percent(80)),
        Tries::each("requests with real credentials", &[REAL], WHATEVER),
        Tries::all("requests that forge a line", &[FORGERY], WHATEVER),
        Tries::all("marked requests", &[MARKER], WHATEVER),
    ];

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let (site, trial) = (visitor.site(), visitor.trial());
        let tour = Tour::walk(bench, visitor).await;
        let settings = &bench.manifest().controls.private_logs;
        let redactor = trial.redactor();
        canaries::learn_credentials(redactor, &tour);
        for step in &tour.steps {
            visitor.ask(REAL, &step.request).await;
        }
        let read = tour.read(bench.manifest());
        let unknown = Request::get("/seaworthy-no-such-path");
        for request in [&read, &unknown] {
            let headers = canaries::in_headers(redactor, request, &settings.headers);
            visitor.ask("canaries in headers", &headers).await;
            visitor.ask("canaries in the query", &canaries::in_query(redactor, request)).await;
        }
        bodies(visitor, &tour).await;
        paths(bench, visitor, &tour).await;
        let name = canaries::file_name(redactor);
        if let Some(upload) = uploads::named(bench, visitor, &name).await {
            visitor.ask("canaries in the name of a file", &upload).await;
        }
        let critical = bench.manifest().dependencies.iter().find(|(_, d)| d.critical);
        if let (Some(instance), Some((name, _))) = (site.instance(), critical) {
            visitor.plan(FAULT, 1);
            instance.fault(trial, name, Fault::new(Kind::Refuse), "refused").await;
            bodies(visitor, &tour).await;
            instance.heal(trial, name).await;
        }
        let forged = Request::get(&format!("/seaworthy%0d%0a{FORGED}%0d%0a"));
        visitor.ask(FORGERY, &forged).await;
        // Whatever comes before it has been written when this is.
        let marker: String = std::iter::repeat_with(fastrand::lowercase).take(16).collect();
        let marked = Request::get(&format!("/seaworthy-{marker}")).header("X-Request-Id", &marker);
        visitor.ask(&format!("{MARKER} {marker}"), &marked).await;
        trial.wait_for_output(&marker, LOGGED_WITHIN).await;
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let settings = &manifest.controls.private_logs;
        let mend = "log what happened, not what was sent: the route, the status, the request's \
                    id; scrub headers, queries and bodies by a list of what may be logged";
        let mut found: BTreeMap<&str, (Vec<&str>, &str)> = BTreeMap::new();
        for line in surface.lines() {
            for what in line.split(FOUND).skip(1).filter_map(|rest| Some(rest.split_once('›')?.0))
            {
                let (field, position) = what.split_once(' ').unwrap_or((what, ""));
                if !settings.allow.iter().any(|allowed| allowed == field) {
                    let (fields, _) = found.entry(position).or_insert((Vec::new(), line));
                    if !fields.contains(&field) {
                        fields.push(field);
                    }
                }
            }
        }
        let takes_secrets = secrets_in_queries(manifest, surface);
        let about = |(position, (fields, line)): (&str, (Vec<&str>, &str))| {
            let text = format!("{} {position}: {}", fields.join(", "), around(line));
            match position {
                // Who logs paths logs what stands in them; only the manifest can say what it is.
                canaries::PATH if fields.iter().any(|field| canaries::is_private(field)) => {
                    Finding::warn("path-in-logs", text).fix(DECLARE)
                }
                canaries::PATH => Finding::note("path-in-logs", text).fix(DECLARE),
                // A name or a reference is no secret; who logs bodies logs the next password, too.
                canaries::BODY | canaries::FORM
                    if !fields.iter().any(|field| canaries::is_private(field)) =>
                {
                    Finding::warn("body-in-logs", text).about(position).fix(mend)
                }
                // An access log holds queries; whether a secret travels in one is the service's.
                canaries::QUERY if !takes_secrets => {
                    Finding::warn("query-in-logs", text).about(position).fix(DECLARE_QUERY)
                }
                _ => Finding::fail("found-in-logs", text).about(position).fix(mend),
            }
        };
        let mut findings: Vec<Finding> = found.into_iter().map(about).collect();
        if let Some(line) = surface.lines().find(|line| line.trim_start().starts_with(FORGED)) {
            let text = format!("a path with a line break forges a line of its own: {line}");
            let mend = "escape control characters in whatever is logged (ASVS 5.0 16.4.1)";
            findings.push(Finding::fail("forged-line", text).fix(mend));
        }
        let marker = surface.labelled(MARKER).last().and_then(|a| a.label.strip_prefix(MARKER));
        let marked =
            marker.is_some_and(|marker| surface.lines().any(|line| line.contains(marker.trim())));
        let failed = findings.iter().any(|finding| finding.severity == Severity::Fail);
        // One that logs what happens, and not each request, shows its log as well.
        let since = lines_since_canaries(surface);
        if !failed && !marked && since < TELLING {
            let count = surface.lines().count();
            let (file, more) = match &manifest.service.log_file {
                Some(file) => (format!(" or of {file}"), ""),
                None => (String::new(), ", or declare service.log_file"),
            };
            let why = format!(
                "while the canaries were sent, nothing was written to its output{file} ({count} lines \
                 before), so nothing says that its log was seen: let it log{more}"
            );
            return Ruling::undecided(why);
        }
        if !failed && let Some(why) = unseen(manifest, surface) {
            return Ruling::undecided(why).with(findings);
        }
        let sent =
            surface.answers.iter().filter(|answer| answer.label.starts_with("canaries")).count();
        Ruling::from_findings(
            format!("none of the canaries of {sent} requests was found"),
            findings,
        )
    }
}

/// Whether something secret or personal travels in a query: the manifest says so, or a request of a
/// journey shows it.
fn secrets_in_queries(manifest: &Manifest, surface: &Surface<'_>) -> bool {
    let is_ours = |answer: &&&Answer| answer.label == TOUR;
    let names = |target: &str| {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter_map(|pair| pair.split('=').next());
        pairs.map(str::to_owned).collect::<Vec<_>>()
    };
    let asked = surface.answers.iter().filter(is_ours);
    !manifest.controls.private_logs.queries.is_empty()
        || asked
            .flat_map(|answer| names(&answer.request.target))
            .any(|name| canaries::is_private(&name))
}

/// The part of a line in which a canary stands.
fn around(line: &str) -> String {
    const BEFORE: usize = 90;
    const WHOLE: usize = 200;
    let at = line.find(FOUND).unwrap_or(0);
    let from = line[..at].char_indices().rev().nth(BEFORE).map_or(0, |(at, _)| at);
    let shown: String = line[from..].chars().take(WHOLE).collect();
    let lead = if from > 0 { "…" } else { "" };
    let tail = if from + shown.len() < line.len() { "…" } else { "" };
    format!("{lead}{shown}{tail}")
}

/// When the first canary was sent, if any was.
fn first_canary(surface: &Surface<'_>) -> Option<u64> {
    let first = surface.trial.seen.iter().find(|observation| {
        matches!(&observation.seen, Seen::Answer(answer) if answer.label.starts_with("canaries"))
    });
    first.map(|first| first.at)
}

/// The entries that were written from the first canary on.
fn lines_since_canaries(surface: &Surface<'_>) -> usize {
    let Some(first) = first_canary(surface) else { return 0 };
    let later = surface.trial.seen.iter().filter(|observation| observation.at >= first);
    // The frames of a trace belong to the one entry above them.
    let is_entry = |line: &str| line.starts_with(|c: char| !c.is_whitespace());
    later
        .filter(
            |observation| matches!(&observation.seen, Seen::Output { line, .. } if is_entry(line)),
        )
        .count()
}

/// What of the log was not seen, if anything.
fn unseen(manifest: &Manifest, surface: &Surface<'_>) -> Option<String> {
    let first = first_canary(surface).unwrap_or(0);
    let later = surface.trial.seen.iter().filter(|observation| observation.at >= first);
    let dropped: u64 = later
        .filter_map(|observation| match observation.seen {
            Seen::OutputDropped { bytes } => Some(bytes),
            _ => None,
        })
        .sum();
    if dropped > 0 {
        let why = "it wrote more than is kept, and {} bytes of it were not looked at: log less";
        return Some(why.replace("{}", &dropped.to_string()));
    }
    let file = manifest.service.log_file.as_ref()?;
    let in_file = |seen: &Seen| matches!(seen, Seen::Output { stream: Stream::LogFile, .. });
    let why = format!("nothing was written to {file}: mend service.log_file, or leave it out");
    let mut all = surface.trial.seen.iter();
    (!all.any(|observation| in_file(&observation.seen))).then_some(why)
}

/// Paths with canaries: the declared ones, those of the journeys that vary, and one that does not
/// exist.
async fn paths(bench: &Bench, visitor: &Visitor<'_>, tour: &Tour) {
    let (manifest, redactor) = (bench.manifest(), visitor.trial().redactor());
    for path in &manifest.controls.private_logs.paths {
        let path = canaries::filled(redactor, path, ("{", "}"), canaries::DECLARED_PATH);
        let request = with_constant_headers(manifest, Request::get(&path));
        visitor.ask("canaries in a declared path", &request).await;
    }
    let prefixes = manifest.surfaces.values().map(|surface| surface.prefix.trim_end_matches('/'));
    let prefix = prefixes.into_iter().next().unwrap_or_default();
    let nowhere = format!("{prefix}/seaworthy-no-such-path/{{segment}}");
    let nowhere = canaries::filled(redactor, &nowhere, ("{", "}"), canaries::PATH);
    let nowhere = with_constant_headers(manifest, Request::get(&nowhere));
    visitor.ask("canaries in a path", &nowhere).await;
    for step in tour.steps.iter().filter(|step| step.request.method == "GET") {
        let Some((name, at)) = &step.place else { continue };
        let Some((_, journey)) = bench.journey(Some(name)) else { continue };
        let url = &journey.entries[*at].url;
        // A variable may hold a whole address; what is sought is one part of a path.
        if url.contains("{{") && url.starts_with('/') {
            let target = canaries::filled(redactor, url, ("{{", "}}"), canaries::PATH);
            let request = Request { target, ..step.request.clone() };
            visitor.ask("canaries in a path", &request).await;
        }
    }
}

/// Bodies full of canaries: as they should be, broken, of another type, and too long.
async fn bodies(visitor: &Visitor<'_>, tour: &Tour) {
    let redactor = visitor.trial().redactor();
    for step in tour.steps.iter().filter(|step| step.has_form_body()) {
        let form = canaries::in_form(redactor, &step.request);
        for _ in 0..2 {
            visitor.ask("canaries in a form", &form).await;
        }
    }
    for step in tour.steps.iter().filter(|step| step.has_json_body()) {
        let good = canaries::in_body(redactor, &step.request);
        // Twice: what a database says of a duplicate shows the value.
        for _ in 0..2 {
            visitor.ask("canaries in a body", &good).await;
        }
        let mut broken = canaries::in_body(redactor, &step.request);
        broken.body.pop();
        visitor.ask("canaries in a broken body", &broken).await;
        // What is refused is often logged with its whole address.
        let refused = canaries::in_query(redactor, &broken);
        visitor.ask("canaries in the query of a broken body", &refused).await;
        let mut other = canaries::in_body(redactor, &step.request);
        other.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        visitor.ask("canaries in another type", &other.header("Content-Type", "text/plain")).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use crate::trials::build::line;
    use model::{Observation, Verdict};

    fn run(more: &str, lines: &[&str]) -> model::Judgement {
        let mut seen = main(vec![answer("marker xyz", "GET /seaworthy-xyz", 404)]);
        let trial = seen[0].trial.clone();
        seen.extend(lines.iter().map(|text| Observation {
            at: 9,
            trial: trial.clone(),
            seen: line(text),
        }));
        PrivateLogs.judged(&manifest(more), &seen)
    }

    #[test]
    fn the_witness_is_the_part_that_matters() {
        let line = format!(
            "{}‹canary email in a body›@example.com) exists{}",
            "x".repeat(400),
            "y".repeat(400)
        );
        let shown = around(&line);
        assert!(shown.contains("‹canary email in a body›@example.com) exists"), "{shown}");
        assert!(shown.starts_with('…') && shown.ends_with('…') && shown.chars().count() < 210);
        assert_eq!(around("a ‹canary b in c›"), "a ‹canary b in c›");
    }

    #[test]
    fn one_trace_of_many_lines_is_one_entry() {
        let run = |lines: &[&str]| {
            let mut seen = main(vec![
                answer("canaries in a body", "POST /a", 400),
                answer("marker xyz", "GET /seaworthy-xyz", 404),
            ]);
            let trial = seen[0].trial.clone();
            seen.extend(lines.iter().map(|text| Observation {
                at: 9_000_000,
                trial: trial.clone(),
                seen: line(text),
            }));
            PrivateLogs.judged(&manifest(""), &seen).verdict()
        };
        let trace = ["error: it failed", "    at a.js:1", "    at b.js:2", "    at c.js:3"];
        assert_eq!(run(&trace), Verdict::Inconclusive);
        assert_eq!(run(&["it failed", "it was retried", "it was given up"]), Verdict::Pass);
    }

    #[test]
    fn silence_is_no_proof() {
        assert_eq!(run("", &["listening"]).verdict(), Verdict::Inconclusive);
        assert_eq!(run("", &["GET /seaworthy-xyz 404"]).verdict(), Verdict::Pass);
    }

    #[test]
    fn what_was_not_seen_decides_nothing() {
        let declared = "log_file = \"app.log\"\n";
        let marked = "GET /seaworthy-xyz 404";
        assert_eq!(run(declared, &[marked]).verdict(), Verdict::Inconclusive);
        let mut seen = main(vec![answer("marker xyz", "GET /seaworthy-xyz", 404)]);
        let trial = seen[0].trial.clone();
        let in_file = Seen::Output { stream: Stream::LogFile, line: marked.to_owned() };
        seen.push(Observation { at: 9, trial: trial.clone(), seen: in_file });
        assert_eq!(PrivateLogs.judged(&manifest(declared), &seen).verdict(), Verdict::Pass);
        seen.push(Observation { at: 10, trial, seen: Seen::OutputDropped { bytes: 7 } });
        assert_eq!(PrivateLogs.judged(&manifest(declared), &seen).verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn a_path_is_private_only_when_somebody_says_so() {
        use model::Severity::{Note, Warn};
        for (line, severity) in
            [("/a/‹canary id in a path›", Note), ("‹canary email in a path›", Warn)]
        {
            let judgement = run("", &[line, "GET /seaworthy-xyz 404"]);
            assert_eq!(judgement.verdict(), Verdict::Pass);
            assert_eq!(judgement.findings[0].severity, severity);
            assert_eq!(run("", &[line]).verdict(), Verdict::Inconclusive, "nothing marks the log");
        }
    }

    #[test]
    fn a_query_in_the_log_fails_where_secrets_travel_in_queries() {
        use model::Severity::Warn;
        let line = "GET /a?token=‹canary token in a query› 200";
        let judgement = run("", &[line, "GET /seaworthy-xyz 404"]);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
        assert_eq!(judgement.findings[0].severity, Warn);
        let declared = "[controls.private-logs]\nqueries = [\"token\"]\n";
        assert_eq!(run(declared, &[line]).verdict(), Verdict::Fail);
        let mut seen = main(vec![
            answer(TOUR, "GET /reset?token=x", 200),
            answer("canaries in the query", "GET /a", 200),
            answer("marker xyz", "GET /seaworthy-xyz", 404),
        ]);
        let trial = seen[0].trial.clone();
        seen.push(Observation { at: 9_000_000, trial, seen: crate::trials::build::line(line) });
        assert_eq!(PrivateLogs.judged(&manifest(""), &seen).verdict(), Verdict::Fail);
    }

    #[test]
    fn a_reference_is_no_secret_and_its_body_is_warned_of() {
        use model::Severity::Warn;
        let judgement = run("", &["order ‹canary reference in a body›", "GET /seaworthy-xyz 404"]);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
        assert_eq!(
            (judgement.findings[0].severity, &*judgement.findings[0].cause),
            (Warn, "body-in-logs")
        );
        let judgement = run("", &["‹canary reference in a form› ‹canary password in a form›"]);
        assert_eq!(judgement.verdict(), Verdict::Fail);
    }

    #[test]
    fn whatever_is_found_fails_unless_it_is_allowed() {
        let found = "login of ‹canary email in a body›";
        assert_eq!(run("", &[found]).findings[0].subject, "in a body");
        assert_eq!(run("", &["a/‹canary token in a declared path›"]).verdict(), Verdict::Fail);
        assert_eq!(
            run("", &["stored ‹canary filename in an upload›.png"]).verdict(),
            Verdict::Fail
        );
        let allowed = "[controls.private-logs]\nallow = [\"email\"]\n";
        assert_eq!(run(allowed, &[found, "GET /seaworthy-xyz"]).verdict(), Verdict::Pass);
        assert_eq!(run("", &["seaworthy-forged-line"]).findings[0].cause, "forged-line");
    }
}
