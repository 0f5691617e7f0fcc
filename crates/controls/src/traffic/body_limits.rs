//! Oversized, slow and malformed bodies are refused cheaply.

mod padding;

use std::io::Write;
use std::time::{Duration, Instant};

use client::{Connection, End, Request};
use flate2::Compression;
use flate2::write::GzEncoder;
use journey::Journey;
use lab::Bench;
use model::declaration::A_JOURNEY;
use model::{Answer, Applicability, Card, Finding, Lane, Outcome, Reach, Ruling};
use settings::Manifest;

use crate::control::Applies;
use crate::surface::judging::{once_per_cause, showing};
use crate::surface::tour::TourStep;
use crate::surface::tries::REACHED;
use crate::surface::{Surface, SurfaceControl, Tour, Tries, Visitor};

pub(crate) struct BodyLimits;

const CONTROL: &str = "as it should be";
const OVERSIZED: &str = "oversized";
const ENDLESS: &str = "without an end";
const BOMB: &str = "packed";
const BROKEN: &str = "broken";
const DEEP: &str = "deeply nested";
const SLOW: &str = "slow";
const MEND: &str = "limit the body before it is read: by its length, by a count while it is read, \
                    and in time";
/// How long an answer to a large body may take.
const WITHIN: Duration = Duration::from_secs(6);
/// How deep brackets are nested.
const DEPTH: usize = 100_000;

impl SurfaceControl for BodyLimits {
    const CARD: &'static Card = &Card {
        id: "body-limits",
        applicability: Applicability::Universal,
        reach: Reach::Lab,
        lane: Lane::Shared,
        disturbs: "nothing but its own instance",
        budget: 4,
        decided_by: &[A_JOURNEY],
        page: include_str!("body_limits.md"),
    };

    const TRIES: &'static [Tries] = &[
        Tries::all("good bodies, before and after", &[CONTROL], REACHED).planned(2),
        Tries::all("large bodies", &[OVERSIZED, ENDLESS, BOMB], REACHED).planned(3),
        Tries::each("malformed bodies", &[BROKEN, DEEP], REACHED),
        Tries::each("slow bodies", &[SLOW], REACHED),
    ];

    fn applies(manifest: &Manifest) -> Applies {
        let declared = manifest.controls.body_limits.request.is_some();
        if declared || !manifest.journeys.is_empty() {
            return Applies::Yes;
        }
        Applies::Undeclared(
        "declare a request with a body: a journey, or [controls.body-limits] request = \"POST /…\""
            .to_owned(),
    )
    }

    async fn visit(bench: &Bench, visitor: &Visitor<'_>) {
        let tour = Tour::walk(bench, visitor).await;
        try_bodies(bench, visitor, &tour).await;
    }

    fn rule(manifest: &Manifest, surface: &Surface<'_>) -> Ruling {
        let settings = &manifest.controls.body_limits;
        let mut controls = surface.labelled(CONTROL);
        let Some(control) = controls.next() else {
            return Ruling::undecided(
                "no step of a journey has a body of JSON or a form; declare one, or a request",
            );
        };
        let declared = settings.request.is_some();
        if !(control.is_success() || declared && control.is_error()) {
            let why = format!(
                "the request {} as it should be, so refusals prove nothing",
                control.outcome.words()
            );
            return Ruling::undecided(why);
        }
        let mut findings = Vec::new();
        let fail = |cause: &str, text: String, answer: &Answer| {
            showing(Finding::fail(cause, text).fix(MEND), answer)
        };
        let twice = settings::Size(settings.max.0.saturating_mul(2));
        let cases = [
            (OVERSIZED, "no-limit", format!("a body of {twice}")),
            (ENDLESS, "no-limit", format!("a chunked body of more than {twice}")),
            (BOMB, "expands-bombs", format!("a packed body that unpacks to {twice}")),
            (BROKEN, "accepts-broken", "a broken body".to_owned()),
            (DEEP, "accepts-broken", format!("{DEPTH} nested brackets")),
        ];
        let mut tried = 0;
        // Who takes anything for a body takes a packed one as it is.
        let takes_anything = surface.find(BROKEN).is_some_and(Answer::is_success);
        for (label, cause, what) in cases {
            let Some(answer) = surface.find(label) else { continue };
            tried += 1;
            let refused = is_refused(Some(answer));
            let text = format!("{what}: it {}", answer.outcome.words());
            let limited = is_refused(surface.find(OVERSIZED));
            let said = match &answer.outcome {
                _ if refused => continue,
                _ if label == BOMB && takes_anything => {
                    let text =
                        format!("{text}; it takes any body, so nothing says it was unpacked");
                    findings.push(showing(Finding::note("packed-body", text), answer));
                    continue;
                }
                // A framework may read on to be polite, without keeping what it reads.
                Outcome::TimedOut { .. } if label == ENDLESS && limited => {
                    let text = format!("{text}; the same with a length is refused");
                    findings.push(showing(Finding::warn("reads-on", text).fix(MEND), answer));
                    continue;
                }
                outcome => broken(label, cause, outcome),
            };
            findings.extend(said.map(|cause| fail(cause, text, answer)));
        }
        if let (Some(slow), Some(answer)) = (settings.slow, surface.find(SLOW))
            && matches!(answer.outcome, Outcome::TimedOut { .. })
        {
            let text = format!("a body that trickles in is still waited for after {slow}");
            findings.push(fail("waits-for-ever", text, answer));
        }
        if let Some((code, signal)) = surface.trial.exit() {
            let text = format!("it ended (code {code:?}, signal {signal:?}) during these bodies");
            findings.push(Finding::fail("crashes", text).fix(MEND).log(surface.trial.few_lines()));
        // What crashed has been told with the request on which it did.
        } else if findings.iter().all(|finding| finding.cause != "crashes")
            && let Some(last) =
                controls.last().filter(|last| !last.is_success() && control.is_success())
        {
            let text = format!("afterwards a good request {}", last.outcome.words());
            findings.push(fail("does-not-recover", text, last));
        }
        if tried == 0 {
            return Ruling::undecided("no body was tried").with(findings);
        }
        let held = format!(
            "all {tried} oversized or malformed bodies that were tried were refused (up to {twice})"
        );
        Ruling::from_findings(held, once_per_cause(findings, tried))
    }
}

/// What a body that was not refused shows, if anything.
fn broken(label: &str, cause: &'static str, outcome: &Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Closed { .. } | Outcome::Reset { .. } if label != BROKEN && label != DEEP => None,
        Outcome::Answered { status: 500.. } => Some("fails"),
        Outcome::TimedOut { .. } if label == ENDLESS => Some(cause),
        // An answer that had begun is no refusal.
        Outcome::TimedOut { received: 1.. } => Some(cause),
        Outcome::TimedOut { .. } => Some("hangs"),
        Outcome::Answered { .. } => Some(cause),
        _ => Some("crashes"),
    }
}

async fn try_bodies(bench: &Bench, visitor: &Visitor<'_>, tour: &Tour) -> Option<()> {
    let settings = &bench.manifest().controls.body_limits;
    let most = usize::try_from(settings.max.0).ok()?.saturating_mul(2);
    let fresh = Fresh { bench, visitor, tour };
    fresh.ask(CONTROL, &fresh.request().await?).await;
    bench.progress(format!("a body of {most} bytes"));
    let is_form = tour.writes().next().is_none() && settings.request.is_none();
    visitor.plan(BROKEN, if is_form { 0 } else { 2 });
    let padded = |request: &Request| padding::padded(request, most);
    let request = fresh.request().await?;
    let body = padded(&request);
    fresh.ask(OVERSIZED, &request.body(body)).await;
    bench.progress("a body without an end");
    let request = fresh.request().await?;
    let body = chunks(&padded(&request));
    let endless = request.header("Transfer-Encoding", "chunked").body(body);
    fresh.ask(ENDLESS, &endless).await;
    bench.progress("a packed body");
    let request = fresh.request().await?;
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(&padded(&request)).ok()?;
    let packed = request.header("Content-Encoding", "gzip").body(packer.finish().ok()?);
    fresh.ask(BOMB, &packed).await;
    let request = fresh.request().await?;
    // Whatever text it is, it is a form.
    if !is_form {
        fresh.ask(BROKEN, &request.clone().body("{\"a\": ")).await;
        fresh.ask(DEEP, &request.clone().body("[".repeat(DEPTH))).await;
    }
    if let Some(slow) = settings.slow {
        bench.progress("a slow body");
        trickle(visitor, &request, slow.0 + Duration::from_secs(3)).await;
    }
    fresh.ask(CONTROL, &fresh.request().await?).await;
    Some(())
}

/// Somebody new each time, so that a request can only fail for what was changed in it.
struct Fresh<'a> {
    bench: &'a Bench,
    visitor: &'a Visitor<'a>,
    tour: &'a Tour,
}

impl Fresh<'_> {
    async fn request(&self) -> Option<Request> {
        if let Some(text) = &self.bench.manifest().controls.body_limits.request {
            let request = crate::work_request::declared(text);
            return Some(request.header("Content-Type", "application/json").body("{}"));
        }
        let step = self.step()?;
        let Some((journey, at)) = self.place() else { return Some(step.request.clone()) };
        let walk = self.visitor.person_before(journey, at).await?;
        walk.request(&journey.entries[at]).ok()
    }

    fn step(&self) -> Option<&TourStep> {
        let forms = || self.tour.forms().next().or_else(|| self.tour.multiparts().next());
        self.tour.writes().next().or_else(forms)
    }

    fn place(&self) -> Option<(&Journey, usize)> {
        let (name, at) = self.step()?.place.as_ref()?;
        let (_, journey) = self.bench.journey(Some(name))?;
        Some((journey, *at))
    }

    /// Sends it, and says whether it was taken as its step expects, where it is one's.
    async fn ask(&self, label: &str, request: &Request) {
        let declared = self.bench.manifest().controls.body_limits.request.is_some();
        match self.place().filter(|_| !declared) {
            Some((journey, at)) => {
                let entry = &journey.entries[at];
                self.visitor.ask_as_step(label, request, entry, WITHIN).await;
            }
            None => {
                self.visitor.ask_within(label, request, WITHIN).await;
            }
        }
    }
}

/// A chunked body that goes on: its last chunk never comes.
fn chunks(body: &[u8]) -> Vec<u8> {
    let mut all = Vec::with_capacity(body.len() + body.len() / 1000);
    for piece in body.chunks(64 * 1024) {
        all.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        all.extend_from_slice(piece);
        all.extend_from_slice(b"\r\n");
    }
    all
}

/// Sends one byte after the other until somebody answers or the time is over.
async fn trickle(visitor: &Visitor<'_>, request: &Request, longest: Duration) {
    let Ok(mut connection) = Connection::to(&visitor.peer, WITHIN).await else { return };
    let slow = request.clone().header("Content-Length", "100000");
    let _ = connection.send(&slow.head(&visitor.peer.host)).await;
    let deadline = Instant::now() + longest;
    loop {
        let sent = connection.send(b" ").await;
        let exchange = connection.answer(Duration::from_millis(200)).await;
        let open = matches!(exchange.end, End::TimedOut { .. });
        if !open || sent.is_err() || Instant::now() > deadline {
            visitor.saw(SLOW, request, &exchange);
            return;
        }
    }
}

fn is_refused(answer: Option<&Answer>) -> bool {
    answer.is_some_and(|answer| {
        let status = answer.status().unwrap_or_default();
        (400..500).contains(&status) || answer.is_refused_by_its_step()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn run(label: &str, outcome: Outcome) -> model::Judgement {
        let case = Answer { outcome, ..answer(label, "POST /a", 0) };
        let last = answer(CONTROL, "POST /a", 201);
        BodyLimits.judged(&manifest(""), &main(vec![answer(CONTROL, "POST /a", 201), case, last]))
    }

    #[test]
    fn a_refusal_is_a_status_or_a_closed_connection() {
        for outcome in [Outcome::Answered { status: 413 }, Outcome::Reset { received: 0 }] {
            assert_eq!(run(OVERSIZED, outcome).verdict(), Verdict::Pass);
        }
    }

    #[test]
    fn an_interface_that_answers_otherwise_has_accepted_all_the_same() {
        let broken =
            Answer { as_expected: Some(false), ..answer(BROKEN, "POST /a", 200).json("{}") };
        let control = || answer(CONTROL, "POST /a", 201);
        let judgement = BodyLimits.judged(&manifest(""), &main(vec![control(), broken, control()]));
        assert_eq!(judgement.findings[0].cause, "accepts-broken");
    }

    #[test]
    fn a_form_that_is_shown_again_was_refused() {
        let form = |label: &str, expected: bool| Answer {
            as_expected: Some(expected),
            ..answer(label, "POST /a", if expected { 302 } else { 200 })
                .with("Content-Type", "text/html")
        };
        let answers = vec![form(CONTROL, true), form(OVERSIZED, false), form(CONTROL, true)];
        let judgement = BodyLimits.judged(&manifest(""), &main(answers));
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    }

    #[test]
    fn reading_on_after_a_limit_is_a_warning() {
        let hangs = Outcome::TimedOut { received: 0 };
        let endless = Answer { outcome: hangs, ..answer(ENDLESS, "POST /a", 0) };
        let control = || answer(CONTROL, "POST /a", 201);
        let oversized = answer(OVERSIZED, "POST /a", 413);
        let judgement =
            BodyLimits.judged(&manifest(""), &main(vec![control(), oversized, endless, control()]));
        assert_eq!(judgement.verdict(), Verdict::Pass);
        assert_eq!(judgement.findings[0].cause, "reads-on");
    }

    #[test]
    fn who_takes_anything_unpacks_nothing_for_sure() {
        let control = || answer(CONTROL, "POST /a", 200);
        let (bomb, broken) = (answer(BOMB, "POST /a", 200), answer(BROKEN, "POST /a", 200));
        let judgement =
            BodyLimits.judged(&manifest(""), &main(vec![control(), bomb, broken, control()]));
        let causes: Vec<_> = judgement.findings.iter().map(|f| f.cause.as_str()).collect();
        assert_eq!(causes, ["accepts-broken", "packed-body"]);
    }

    #[test]
    fn each_break_has_its_cause() {
        let answered = |status| Outcome::Answered { status };
        for (label, outcome, cause) in [
            (OVERSIZED, answered(201), "no-limit"),
            (ENDLESS, Outcome::TimedOut { received: 0 }, "no-limit"),
            (BOMB, answered(201), "expands-bombs"),
            (BROKEN, answered(500), "fails"),
            (BROKEN, answered(200), "accepts-broken"),
            (OVERSIZED, Outcome::TimedOut { received: 0 }, "hangs"),
            (OVERSIZED, Outcome::TimedOut { received: 9 }, "no-limit"),
            (DEEP, Outcome::Reset { received: 0 }, "crashes"),
        ] {
            assert_eq!(run(label, outcome).findings[0].cause, cause, "{label}");
        }
    }
}
