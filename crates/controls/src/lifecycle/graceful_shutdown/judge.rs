//! What follows from the ledgers (METHODS of the field: Kubernetes' pod termination, RFC 9112 9.5).

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Account, Classes, Finding, Need, Outcome, Ruling, Seen, Severity, Tally};
use settings::Manifest;
use settings::controls::GracefulShutdown;

use super::clients::{BUSY_CLIENT, NEW_CLIENT};
use super::round::{FACT_BUSY, FACT_HELD, FACT_IN_FLIGHT};
use super::{BUSY, CONTROL, HELD, JOURNEY, MANY, PID_1, QUIET, SLOW};
use crate::trials::{Trial, time};

const SIGTERM: i32 = 15;
const FEWEST: usize = 3;
/// Concluded from waiting, so that once is not enough.
const NEVER_EXITS: &str = "never-exits";

/// Requests that were in flight when the signal came.
pub(super) fn account(manifest: &Manifest, trials: &[Trial<'_>]) -> Account {
    let classes = manifest.classes();
    let mut requests = Tally::of("requests in flight at the signal");
    let mut as_init = Tally::of("signals to it as process 1");
    let mut busy = Tally::of("answers to busy clients after the signal");
    let mut new = Tally::of("new clients after the signal");
    for ledger in rounds(trials, &classes) {
        let after = |line: &&Line<'_>| ledger.signalled.is_some_and(|at| line.ended > at);
        for (tally, lines) in [(&mut busy, &ledger.busy), (&mut new, &ledger.new)] {
            lines.iter().filter(after).for_each(|_| tally.landed());
        }
        if ledger.trial.method == PID_1 {
            let signalled = ledger.signalled.is_some();
            as_init.tried(if signalled { Ok(()) } else { Err("were not sent".to_owned()) });
            continue;
        }
        let landed = ledger.landed();
        for _ in 0..ledger.in_flight {
            requests.tried(if landed { Ok(()) } else { Err("not in flight".to_owned()) });
        }
    }
    let fewest = u32::try_from(FEWEST).unwrap_or(u32::MAX);
    Account::default()
        .with(requests, Need::AtLeast(fewest))
        .with(busy, Need::Told)
        .with(new, Need::Told)
        .with(as_init, Need::Told)
}

pub(super) fn judge(manifest: &Manifest, trials: &[Trial<'_>]) -> Ruling {
    let settings = &manifest.controls.graceful_shutdown;
    let classes = manifest.classes();
    let ledgers: Vec<_> = rounds(trials, &classes).collect();
    let (as_init, plain): (Vec<_>, Vec<_>) =
        ledgers.iter().partition(|ledger| ledger.trial.method == PID_1);
    let landed: Vec<_> = plain.iter().copied().filter(|ledger| ledger.landed()).collect();
    let mut findings = Findings::default();
    for ledger in &landed {
        slow(ledger, &mut findings);
        busy(ledger, &mut findings);
        if !new(ledger, settings, &mut findings) {
            drain(ledger, settings, &mut findings);
        }
        exit(ledger, settings, &mut findings);
    }
    let of = landed.len();
    let mut found = findings.finish(of);
    // One that never ends does not end as process 1 either.
    let ends = !found.iter().any(|finding| finding.cause == NEVER_EXITS);
    let as_init = as_init.iter().filter(|_| ends);
    found.extend(as_init.filter_map(|ledger| as_process_1(ledger, settings)));
    let failed = found.iter().any(|finding| finding.severity == Severity::Fail);
    if of < FEWEST && !failed {
        return Ruling::undecided(unlanded(trials, &plain)).with(found);
    }
    if let Some(why) = undecided(&landed).filter(|_| !failed) {
        return Ruling::undecided(why).with(found);
    }
    let longest = landed.iter().filter_map(|l| l.exited_after()).max().unwrap_or_default();
    let requests: usize = landed.iter().map(|ledger| ledger.in_flight).sum();
    let held = landed.iter().map(|ledger| ledger.held).max().unwrap_or(HELD);
    let busy = landed.iter().map(|ledger| ledger.busy_clients).max().unwrap_or_default();
    let held = format!(
        "{requests} of {requests} requests in flight were answered, held up to {} after the signal, \
         with up to {busy} busy clients; it ended within {}",
        time(held),
        time(longest)
    );
    Ruling::from_findings(held, found)
}

/// What happened around each signal; what a limiter answered is left out.
fn rounds<'a>(trials: &'a [Trial<'a>], classes: &'a Classes) -> impl Iterator<Item = Ledger<'a>> {
    let rounds = trials.iter().filter(|trial| trial.subject != JOURNEY && !trial.is_unready());
    rounds.map(|trial| Ledger::read(trial, classes))
}

/// One exchange of a ledger.
struct Line<'a> {
    began: u64,
    ended: u64,
    outcome: &'a Outcome,
    request: &'a str,
    reused: u32,
}

/// What happened around one signal.
struct Ledger<'a> {
    trial: &'a Trial<'a>,
    signalled: Option<u64>,
    control: Option<&'a Outcome>,
    /// How many requests were in flight, how long they were held and beside how many busy clients.
    in_flight: usize,
    held: Duration,
    busy_clients: i64,
    slow: Vec<Line<'a>>,
    busy: Vec<Line<'a>>,
    new: Vec<Line<'a>>,
    exited: Option<(u64, Option<i32>, Option<i32>)>,
    /// A limiter stopped some of it.
    limited: bool,
}

impl<'a> Ledger<'a> {
    fn read(trial: &'a Trial<'a>, classes: &Classes) -> Self {
        let limited =
            |outcome: &Outcome| outcome.status().is_some_and(|s| classes.limited.contains(&s));
        let mut ledger = Self {
            trial,
            signalled: None,
            control: None,
            in_flight: 1,
            held: HELD,
            busy_clients: 0,
            slow: Vec::new(),
            busy: Vec::new(),
            new: Vec::new(),
            exited: None,
            limited: false,
        };
        for observation in &trial.seen {
            match &observation.seen {
                Seen::Signalled { .. } => ledger.signalled = Some(observation.at),
                Seen::Exited { code, signal, .. } => {
                    ledger.exited = Some((observation.at, *code, *signal));
                }
                Seen::Fact { name, value, .. } => match name.as_str() {
                    FACT_IN_FLIGHT => ledger.in_flight = usize::try_from(*value).unwrap_or(1),
                    FACT_HELD => {
                        let millis = u64::try_from(*value).unwrap_or_default();
                        ledger.held = Duration::from_millis(millis);
                    }
                    FACT_BUSY => ledger.busy_clients = *value,
                    _ => {}
                },
                Seen::Exchanged { outcome, .. } if limited(outcome) => {
                    ledger.limited = true;
                }
                Seen::Exchanged { client, request, outcome, took_us: took, reused } => {
                    let ended = observation.at;
                    let began = ended.saturating_sub(*took);
                    let line = Line { began, ended, outcome, request, reused: *reused };
                    match client.as_str() {
                        CONTROL => ledger.control = Some(outcome),
                        SLOW => ledger.slow.push(line),
                        BUSY_CLIENT => ledger.busy.push(line),
                        NEW_CLIENT => ledger.new.push(line),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        ledger
    }

    /// The positive control was answered well, and the request was in flight at the signal.
    fn landed(&self) -> bool {
        let good = self.control.and_then(Outcome::status).is_some_and(|status| status < 500);
        let Some(signalled) = self.signalled.filter(|_| good) else { return false };
        // A request that the limiter answered was not in flight, and is not missing either.
        if self.slow.len() < self.in_flight && self.limited {
            return false;
        }
        // One that never came back is in flight too, when the process is gone or still runs.
        self.slow.iter().all(|slow| slow.began < signalled && slow.ended > signalled)
    }

    fn exited_after(&self) -> Option<Duration> {
        let (at, ..) = self.exited?;
        Some(Duration::from_micros(at.saturating_sub(self.signalled?)))
    }

    fn words(&self) -> String {
        let held = match self.trial.subject {
            "slow-request" => "a slow request",
            "table-lock" => "a request that a locked table holds",
            "half-body" => "a request whose body is half sent",
            other => other,
        };
        let beside = match self.trial.method {
            BUSY => "beside busy clients",
            QUIET => "beside no other client",
            MANY => "beside many busy clients",
            _ => "as process 1",
        };
        format!("tried with {held}, {beside}")
    }
}

/// Findings by cause, each with its first witness and how often it was seen.
#[derive(Default)]
struct Findings {
    all: BTreeMap<&'static str, (Finding, usize)>,
}

impl Findings {
    fn add(&mut self, ledger: &Ledger<'_>, finding: Finding, cause: &'static str) {
        let finding = finding.trial(ledger.trial.name());
        self.all.entry(cause).or_insert((finding, 0)).1 += 1;
    }

    fn finish(self, of: usize) -> Vec<Finding> {
        let all = self.all.into_iter().map(|(cause, (mut finding, times))| {
            if cause == NEVER_EXITS && times < 2 {
                finding.severity = Severity::Warn;
            }
            finding.seen(times, of)
        });
        all.collect()
    }
}

/// (a) The request in flight: all of it, and as without a signal.
fn slow(ledger: &Ledger<'_>, findings: &mut Findings) {
    let mend = "on the stop signal stop accepting, finish what was accepted, and only then close \
                the pool and exit; a supervisor's grace must be longer than your slowest request";
    let log = ledger.trial.few_lines();
    let how = ledger.words();
    if ledger.slow.len() < ledger.in_flight {
        let text = format!("a request in flight at the signal was never answered; {how}");
        let finding = Finding::fail("dropped-in-flight", text).fix(mend).log(log);
        return findings.add(ledger, finding, "dropped-in-flight");
    }
    let expected = ledger.control.and_then(Outcome::status);
    for slow in &ledger.slow {
        let signalled = ledger.signalled.unwrap_or(slow.ended);
        let after = Duration::from_micros(slow.ended.saturating_sub(signalled));
        let cause = match slow.outcome {
            Outcome::Answered { status } if Some(*status) == expected => continue,
            Outcome::Answered { .. } => "failed-in-flight",
            Outcome::Closed { received: 1.. } | Outcome::Reset { received: 1.. } => "truncated",
            _ => "dropped-in-flight",
        };
        let text = format!(
            "{} was in flight at the signal; {} after it the service {} (without a signal it \
             answers {}); {how}",
            slow.request,
            time(after),
            slow.outcome.words(),
            expected.map_or("nothing".to_owned(), |status| status.to_string()),
        );
        return findings.add(ledger, Finding::fail(cause, text).fix(mend).log(log), cause);
    }
}

/// (b) Busy keep-alive clients: never a truncated answer. One that ends without a byte on a reused
/// connection is the race that HTTP/1.1 cannot avoid.
fn busy(ledger: &Ledger<'_>, findings: &mut Findings) {
    let Some(signalled) = ledger.signalled else { return };
    for line in ledger.busy.iter().filter(|line| line.ended > signalled) {
        match line.outcome {
            Outcome::Closed { received: 1.. } | Outcome::Reset { received: 1.. } => {
                let text =
                    format!("a busy client's answer {}; {}", line.outcome.words(), ledger.words());
                let mend = "finish answers that were begun before closing a connection";
                findings.add(ledger, Finding::fail("truncated", text).fix(mend), "truncated");
                return;
            }
            Outcome::Closed { .. } | Outcome::Reset { .. } => {
                let kind = if line.reused > 0 { "a reused" } else { "a new" };
                let text = format!(
                    "on {kind} connection the service {}, which HTTP/1.1 cannot avoid: clients send \
                     such a request again; {}",
                    line.outcome.words(),
                    ledger.words()
                );
                findings.add(ledger, Finding::note("keep-alive-race", text), "keep-alive-race");
                return;
            }
            _ => {}
        }
    }
}

/// (d), (e) New clients: answered while a drain is promised; afterwards refusing is right. Whether
/// one was refused too early.
fn new(ledger: &Ledger<'_>, settings: &GracefulShutdown, findings: &mut Findings) -> bool {
    let Some(signalled) = ledger.signalled else { return false };
    let drain = settings.drain.map(|span| u64::try_from(span.0.as_micros()).unwrap_or(u64::MAX));
    for line in &ledger.new {
        let promised = drain.is_some_and(|drain| line.began < signalled + drain);
        let after = Duration::from_micros(line.began.saturating_sub(signalled));
        let text = || {
            format!(
                "{} after the signal a new client came and the service {}; {}",
                time(after),
                line.outcome.words(),
                ledger.words()
            )
        };
        match line.outcome {
            Outcome::Answered { .. } => {}
            Outcome::Closed { received: 1.. } | Outcome::Reset { received: 1.. } => {
                findings.add(ledger, Finding::fail("truncated", text()), "truncated");
                return false;
            }
            _ if promised => {
                let mend = "go on accepting for the drain that is promised: routers learn of an \
                            end later than the process does";
                let finding = Finding::fail("refused-while-draining", text()).fix(mend);
                findings.add(ledger, finding, "refused-while-draining");
                return true;
            }
            Outcome::Reset { .. } | Outcome::Closed { .. } => {
                findings.add(
                    ledger,
                    Finding::note("reset-after-signal", text()),
                    "reset-after-signal",
                );
                return false;
            }
            Outcome::TimedOut { .. } => {
                findings.add(ledger, Finding::note("left-hanging", text()), "left-hanging");
                return false;
            }
            Outcome::Refused | Outcome::NotConnected | Outcome::NotHttp => {}
        }
    }
    false
}

/// A process that is gone accepts nobody.
fn drain(ledger: &Ledger<'_>, settings: &GracefulShutdown, findings: &mut Findings) {
    let (Some(drain), Some(after)) = (settings.drain, ledger.exited_after()) else { return };
    if after < drain.0 {
        let text = format!(
            "the process ended {} after the signal, and new clients are promised an answer for \
             {drain}; {}",
            time(after),
            ledger.words()
        );
        let mend = "wait for the drain that is promised before you stop: routers learn of an end \
                    later than the process does";
        let finding = Finding::fail("refused-while-draining", text).fix(mend);
        findings.add(ledger, finding, "refused-while-draining");
    }
}

fn exit(ledger: &Ledger<'_>, settings: &GracefulShutdown, findings: &mut Findings) {
    let within = time(settings.within.0);
    let Some((_, code, signal)) = ledger.exited else {
        let text = format!("it still ran {within} after the signal; {}", ledger.words());
        let mend = "bound the shutdown: close idle connections, give the rest a limit, then exit";
        findings.add(ledger, Finding::fail(NEVER_EXITS, text).fix(mend), NEVER_EXITS);
        return;
    };
    match (code, signal) {
        (Some(0), _) => {}
        (Some(143), _) | (None, Some(SIGTERM)) if !settings.exit_zero => {
            let text = "it ended by the signal itself (143), not with 0";
            findings.add(ledger, Finding::note("exit-143", text), "exit-143");
        }
        (Some(137), _) | (None, Some(9)) => {
            let text = format!("it was killed by SIGKILL (137); {}", ledger.words());
            let mend = "find who kills it: a supervisor of its own with a shorter grace, or itself";
            findings.add(ledger, Finding::fail("killed", text).fix(mend), "killed");
        }
        _ => {
            let text = format!("it {}; {}", ledger.trial.exit_words(), ledger.words());
            let mend = "exit with 0 after an orderly end; supervisors take the rest for a failure";
            let finding = if settings.exit_zero {
                Finding::fail("exit-code", text)
            } else {
                Finding::warn("exit-code", text)
            };
            findings.add(ledger, finding.fix(mend), "exit-code");
        }
    }
    let exited = ledger.exited.map_or(u64::MAX, |(at, ..)| at);
    let served = ledger
        .new
        .iter()
        .chain(&ledger.busy)
        .filter(|line| line.began > exited && matches!(line.outcome, Outcome::Answered { .. }));
    if let (Some(left), 1..) = (ledger.trial.left_behind(), served.count()) {
        let text = format!(
            "the process that was started ended, and {} went on answering new requests: the signal \
             never reached it; {}",
            left.join(", "),
            ledger.words()
        );
        let mend = "replace the wrapper by the service (exec in a shell script), or let it pass the \
                    signal on and wait";
        findings.add(ledger, Finding::fail("serves-on", text).fix(mend), "serves-on");
    } else if let Some(left) = ledger.trial.left_behind() {
        let text = format!("it ended and left {} behind", left.join(", "));
        let mend = "signal and wait for your children before exiting";
        findings.add(ledger, Finding::warn("left-behind", text).fix(mend), "left-behind");
    }
}

/// As process 1 a signal without a handler is ignored, and in-flight requests are dropped as well.
fn as_process_1(ledger: &Ledger<'_>, settings: &GracefulShutdown) -> Option<Finding> {
    ledger.signalled?;
    if ledger.exited.is_some() {
        return None;
    }
    let text = format!("as process 1 it still ran {} after the signal", time(settings.within.0));
    let mend = "handle the stop signal yourself (default actions do not apply to process 1), or \
                run it under an init such as tini";
    Some(if settings.pid_1 {
        Finding::fail("ignored-as-pid-1", text).fix(mend).trial(ledger.trial.name())
    } else {
        Finding::warn("ignored-as-pid-1", text).fix(mend)
    })
}

/// One end that did not come in time is not enough.
fn undecided(landed: &[&Ledger<'_>]) -> Option<String> {
    let late = landed.iter().filter(|ledger| ledger.exited.is_none()).count();
    (late == 1).then(|| {
        format!("it did not end in time once in {} rounds; a second run decides", landed.len())
    })
}

fn unlanded(trials: &[Trial<'_>], plain: &[&Ledger<'_>]) -> String {
    let failure = trials.iter().flat_map(|trial| &trial.seen).find_map(|seen| match &seen.seen {
        Seen::Walked { journey, failure: Some(failure), .. } => Some((journey, failure)),
        _ => None,
    });
    if let Some((journey, failure)) = failure {
        return format!("the journey {journey} does not pass on the healthy service: {failure}");
    }
    if let Some(broken) = plain.iter().find_map(|ledger| ledger.trial.broken()) {
        return format!("it did not become ready ({})", broken.cause());
    }
    let landed = plain.iter().filter(|ledger| ledger.landed()).count();
    format!(
        "a request was caught in flight in only {landed} of {} rounds; declare a request that \
         takes a second: [controls.graceful-shutdown] slow_request = \"GET /…\"",
        plain.len()
    )
}

#[cfg(test)]
mod tests;
