//! Text is compressed, static files cacheable.

use lab::Bench;
use std::io::Read;

use client::Request;
use flate2::read::GzDecoder;
use model::declaration::Declaration;
use model::{Answer, Applicability, Card, Finding, Lane, Reach, Ruling, Severity};
use settings::Manifest;

use crate::surface::judging::showing;
use crate::surface::tour::TourStep;
use crate::surface::tries::{ACCEPTED, ANSWERED};
use crate::surface::visitor::PATIENCE;
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};
use crate::traffic::pagination;

/// What would decide it.
const LONG_ANSWER: Declaration = Declaration {
    lines: &["[controls.compression]", "request = \"GET /…\""],
    what: "a request with an answer of more than a kilobyte",
};

pub(crate) struct Compression;

const PLAIN: &str = "plain";
const GZIP: &str = "gzip";
const FILE: &str = "file";
const AGAIN: &str = "unchanged file";
const DECODED: &str = "decoded";
/// It could not be decoded.
const NEVER: i64 = -1;
/// Below this, compression costs more than it saves.
const WORTH_IT: u64 = 1024;
/// The largest of the usual thresholds: an answer above it that is sent as it is was not compressed
/// for any good reason.
const CERTAIN: u64 = 2048;
/// How many rows are made to get a list that is longer than that.
const ROWS: u32 = 60;

const FIX_UNASKED: &str = "compress only what the client accepts: its Accept-Encoding says so";
const FIX_BROKEN: &str = "let one layer compress, and send Content-Encoding only for what it did";
const FIX_CACHE: &str = "give static files an ETag, and Cache-Control with a max-age";

impl SurfaceControl for Compression {
    const CARD: &'static Card = &Card {
        id: "compression",
        applicability: Applicability::Universal,
        reach: Reach::Target,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 1,
        decided_by: &[LONG_ANSWER],
        page: include_str!("compression.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("answers without and with compression", &[PLAIN, GZIP], ACCEPTED).planned(2),
        Tries::each("static files", &[FILE, AGAIN], ANSWERED),
    ];

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let tour = Tour::walk(bench, visitor).await;
        let settings = &bench.manifest().controls.compression;
        let longest = tour.reads().max_by_key(|step| step.response.body.len());
        let is_long = |step: &&TourStep| step.response.body.len() as u64 > CERTAIN;
        let request = match (&settings.request, longest.filter(is_long)) {
            (Some(text), _) => crate::work_request::declared(text),
            (None, Some(step)) => step.request.clone(),
            (None, None) => {
                let longer = longer(bench, visitor).await;
                let known = || longest.map(|step| step.request.clone());
                longer.or_else(known).unwrap_or_else(|| tour.read(bench.manifest()))
            }
        };
        visitor.ask(PLAIN, &request.clone().header("Accept-Encoding", "identity")).await;
        let exchange = visitor.ask(GZIP, &request.header("Accept-Encoding", "gzip")).await;
        if let Some(response) = &exchange.response
            && response.header("content-encoding") == Some("gzip")
        {
            let mut text = Vec::new();
            let decoded = GzDecoder::new(&response.body[..]).read_to_end(&mut text).is_ok();
            let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
            visitor.fact(DECODED, "bytes", if decoded { length } else { NEVER });
        }
        for path in &settings.files {
            let exchange = visitor.ask(FILE, &Request::get(path)).await;
            let response = exchange.response.as_ref();
            let value = |name: &str| response.and_then(|r| r.header(name)).map(str::to_owned);
            let mut again = Request::get(path);
            if let Some(tag) = value("etag") {
                again = again.header("If-None-Match", &tag);
            } else if let Some(since) = value("last-modified") {
                again = again.header("If-Modified-Since", &since);
            } else {
                continue;
            }
            visitor.ask(AGAIN, &again).await;
        }
    }

    fn rule(_: &Manifest, surface: &Surface<'_>) -> Ruling {
        let mut findings = files(surface);
        let (Some(plain), Some(gzip)) = (surface.find(PLAIN), surface.find(GZIP)) else {
            return Ruling::undecided("nothing was asked for").with(findings);
        };
        let encoding =
            |answer: &Answer| answer.header("content-encoding").unwrap_or("identity").to_owned();
        if encoding(plain) != "identity" {
            let text = format!("asked for identity, it answered with {}", encoding(plain));
            findings
                .push(showing(Finding::fail("compresses-unasked", text).fix(FIX_UNASKED), plain));
        }
        if !plain.is_success() || plain.bytes < WORTH_IT || !is_text(plain) {
            if findings.iter().any(|finding| finding.severity == Severity::Fail) {
                return Ruling::from_findings("", findings);
            }
            let why = format!(
                "the longest answer has {} bytes of {:?}, too little to compress; declare a \
                 longer one: [controls.compression] request = \"GET /…\"",
                plain.bytes,
                plain.media_type()
            );
            return Ruling::undecided(why).with(findings);
        }
        let decoded = surface.facts(DECODED).next();
        if encoding(gzip) == "identity" && plain.bytes <= CERTAIN {
            let why = format!(
                "the longest answer has {} bytes and is sent as it is; thresholds of 1 and 2 KiB \
                 are usual, so declare a longer one: [controls.compression] request = \"GET /…\"",
                plain.bytes
            );
            return Ruling::undecided(why).with(findings);
        }
        if encoding(gzip) == "identity" {
            let text =
                format!("{} bytes of {} are sent as they are", plain.bytes, plain.media_type());
            let mend =
                "compress text above a kilobyte when the client accepts it, or let the edge do it";
            findings.push(showing(Finding::fail("not-compressed", text).fix(mend), gzip));
        } else if decoded.is_some_and(|(_, length)| length == NEVER) {
            let text = "it says gzip, and the body cannot be unpacked";
            findings.push(showing(Finding::fail("broken-encoding", text).fix(FIX_BROKEN), gzip));
        } else if !names_encoding(gzip) {
            let text = "the answer depends on Accept-Encoding, but Vary does not say so";
            findings.push(showing(Finding::warn("no-vary", text), gzip));
        }
        let held = format!("{} bytes become {}", plain.bytes, gzip.bytes);
        Ruling::from_findings(held, findings)
    }
}

/// The request with the longest answer after rows were made, where a journey makes any. In a target
/// nothing is made.
async fn longer(bench: &Bench, visitor: &Visitor<'_>) -> Option<Request> {
    if visitor.site().is_target() {
        return None;
    }
    let mut longest: Option<(usize, Request)> = None;
    for journey in bench.journeys().values() {
        let (mut walk, mut writes, mut reads) = (visitor.person(), Vec::new(), Vec::new());
        for entry in journey.before_log_out() {
            let Some((request, _, Ok(()))) = visitor.step("before", &mut walk, entry).await else {
                break;
            };
            if request.method == "GET" {
                reads.push(request);
            } else if request.method == "POST" && !request.body.is_empty() {
                writes.push(entry.clone());
            }
        }
        if writes.is_empty() || reads.is_empty() {
            continue;
        }
        bench.progress("making a longer list");
        pagination::make_rows(visitor, &mut walk, &writes, ROWS).await;
        for request in reads {
            let answer = visitor.send(&request, PATIENCE).await;
            let length = answer.response.map_or(0, |response| response.body.len());
            if longest.as_ref().is_none_or(|(known, _)| length > *known) {
                longest = Some((length, request));
            }
        }
    }
    longest.map(|(_, request)| request)
}

fn is_text(answer: &Answer) -> bool {
    let kind = answer.media_type();
    let text = ["text/", "json", "javascript", "xml", "svg"];
    text.iter().any(|word| kind.contains(word))
}

fn names_encoding(answer: &Answer) -> bool {
    let vary = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("vary"));
    vary.flat_map(|(_, value)| value.split(','))
        .any(|name| name.trim().eq_ignore_ascii_case("accept-encoding") || name.trim() == "*")
}

fn files(surface: &Surface<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for answer in surface.labelled(FILE) {
        let cacheable = ["etag", "last-modified", "cache-control"];
        let fine =
            answer.is_success() && cacheable.iter().any(|name| answer.header(name).is_some());
        if !fine {
            let text = format!(
                "{} {} without ETag, Last-Modified or Cache-Control",
                answer.path(),
                answer.outcome.words()
            );
            findings.push(showing(Finding::fail("not-cacheable", text).fix(FIX_CACHE), answer));
        }
    }
    for answer in surface.labelled(AGAIN).filter(|answer| answer.status() != Some(304)) {
        let text = format!("asked whether it has changed, it {}", answer.outcome.words());
        findings.push(showing(Finding::warn("not-revalidated", text), answer));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn run(plain: Answer, gzip: Answer) -> model::Judgement {
        Compression.judged(&manifest(""), &main(vec![plain, gzip]))
    }

    fn long(label: &str) -> Answer {
        answer(label, "GET /a", 200).json(&"x".repeat(2100))
    }

    #[test]
    fn long_text_is_compressed_when_asked_for() {
        let packed = long(GZIP).with("Content-Encoding", "gzip").with("Vary", "Accept-Encoding");
        assert_eq!(run(long(PLAIN), packed).verdict(), Verdict::Pass);
        assert_eq!(run(long(PLAIN), long(GZIP)).findings[0].cause, "not-compressed");
        let packed = long(GZIP).with("Content-Encoding", "gzip").with("Vary", "Accept-Encoding");
        let unasked = long(PLAIN).with("Content-Encoding", "gzip");
        assert_eq!(run(unasked, packed).findings[0].cause, "compresses-unasked");
    }

    #[test]
    fn an_answer_between_the_usual_thresholds_may_be_sent_as_it_is() {
        let some = |label: &str| answer(label, "GET /a", 200).json(&"x".repeat(1500));
        assert_eq!(run(some(PLAIN), some(GZIP)).verdict(), Verdict::Inconclusive);
        let packed = some(GZIP).with("Content-Encoding", "gzip").with("Vary", "Accept-Encoding");
        assert_eq!(run(some(PLAIN), packed).verdict(), Verdict::Pass);
    }

    #[test]
    fn short_answers_decide_nothing() {
        let short = |label: &str| answer(label, "GET /a", 200).json("{}");
        assert_eq!(run(short(PLAIN), short(GZIP)).verdict(), Verdict::Inconclusive);
    }
}
