//! It starts every time, within its limit (5 s by default).

use std::time::Duration;

use async_trait::async_trait;
use lab::{Bench, Instance, LabError, Readiness};
use model::{
    Account, Applicability, Card, Classes, Finding, Kind, Lane, Need, Observation, Probe, Reach,
    Ruling, Seen, Tally,
};
use settings::Manifest;

use crate::control::{Applies, Control};
use crate::trials::{Trial, by_trial, is_limited, time};

pub(crate) struct Startup;

static CARD: Card = Card {
    id: "startup",
    applicability: Applicability::Universal,
    reach: Reach::Lab,
    lane: Lane::Quiet,
    disturbs: "nothing but its own instances",
    budget: 3,
    decided_by: &[],
    page: include_str!("startup.md"),
};

const COLD: &str = "cold";
const RESTART: &str = "restart";
/// After so many starts that led nowhere, more waiting teaches nothing.
const ENOUGH: u32 = 2;

#[async_trait]
impl Control for Startup {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn applies(&self, _: &Manifest) -> Applies {
        Applies::Yes
    }

    fn waits(&self, manifest: &Manifest, start: Duration) -> Duration {
        let settings = &manifest.controls.startup;
        let count = settings.cold.max(3) + settings.restarts.max(1);
        (start + settings.settle.0) * count
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        let settings = &bench.manifest().controls.startup;
        let (cold, restarts) = (settings.cold.max(3), settings.restarts.max(1));
        let mut misses = 0;
        for round in 1..=cold {
            bench.progress(format!("cold start {round} of {cold}"));
            let mut instance = bench.instance().await?;
            let ready = start(bench, &mut instance, COLD, round).await?;
            misses += u32::from(!ready);
            if round == cold && ready {
                for round in 1..=restarts {
                    bench.progress(format!("restart {round} of {restarts}"));
                    let ready = start(bench, &mut instance, RESTART, round).await?;
                    misses += u32::from(!ready);
                    if misses >= ENOUGH {
                        break;
                    }
                }
            }
            instance.end().await;
            if misses >= ENOUGH {
                break;
            }
        }
        Ok(())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        let trials = by_trial(seen);
        (account(manifest, &trials), judge(manifest, &trials))
    }
}

/// The longest time from the closing of a service's port to its end.
const LAST_BREATH: Duration = Duration::from_secs(1);

async fn start(
    bench: &Bench,
    instance: &mut Instance,
    method: &str,
    round: u32,
) -> Result<bool, LabError> {
    let manifest = bench.manifest();
    let settle = manifest.controls.startup.settle.0;
    let trial = bench.trial(&format!("{method}/{round}"));
    trial.saw(Seen::Trial { subject: "service".into(), method: method.into(), round });
    let Some(mut running) = instance.start(&trial, None).await? else { return Ok(false) };
    let patience = manifest.service.patience.0.max(2 * manifest.controls.startup.within.0);
    let readiness = running.wait_ready(patience).await;
    let ready = matches!(readiness, Readiness::Ready { .. });
    if ready {
        running.stays_ready(settle).await;
        // One that dies closes its port some moments before its end can be seen: asked to stop in
        // between, it would seem to have ended by that.
        let last = running.ask_ready(&trial, Duration::from_secs(5)).await;
        if matches!(last, Probe::Refused | Probe::Dropped) {
            running.wait_exit(LAST_BREATH).await;
        }
    }
    running.stop(Duration::from_secs(10)).await;
    Ok(ready)
}

/// Starts that came to something: an answer, an end, or none within the patience.
fn account(manifest: &Manifest, trials: &[Trial<'_>]) -> Account {
    let settings = &manifest.controls.startup;
    let tally = |name: &str, method: &str, planned: u32| {
        let mut tally = Tally::of(name);
        tally.plan(planned as usize);
        for trial in trials.iter().filter(|trial| trial.method == method) {
            tally.tried(trial.came_to_something());
        }
        tally
    };
    let classes = manifest.classes();
    let mut settled = Tally::of("probes while it settled");
    for observation in trials.iter().flat_map(|trial| &trial.seen) {
        match &observation.seen {
            Seen::Probed { result, .. } if is_limited(&classes, result) => {
                settled.missed(Kind::Limited.words());
            }
            Seen::Probed { .. } => settled.landed(),
            _ => {}
        }
    }
    Account::default()
        .with(settled, Need::Told)
        .with(tally("cold starts", COLD, settings.cold.max(3)), Need::All)
        .with(tally("restarts", RESTART, settings.restarts.max(1)), Need::All)
}

fn judge(manifest: &Manifest, trials: &[Trial<'_>]) -> Ruling {
    let limit = manifest.controls.startup.within.0;
    if trials.is_empty() {
        return Ruling::undecided("no start was tried");
    }
    let broken_ones = trials.iter().filter_map(|trial| Some((trial, trial.broken()?)));
    if let Some((trial, why)) = broken_ones.into_iter().find(|(_, why)| why.is_of_the_lab()) {
        return Ruling::undecided(format!("{}; {}", why.witness(trial), why.fix()));
    }
    let classes = manifest.classes();
    let mut findings = broken(trials);
    let died: Vec<_> = trials.iter().filter(|trial| dies(&classes, trial).is_some()).collect();
    // One probe that was not answered in time may be the machine's pause; one answer is not.
    let silent = |trial: &&&Trial<'_>| dies(&classes, trial).is_some_and(|(_, _, silent)| silent);
    let only_silent = died.iter().all(|trial| silent(&trial)) && died.len() == 1;
    if only_silent {
        let why = "a probe was not answered after the first ready answer, but once in all starts; \
                   run it again";
        return Ruling::undecided(why).with(findings);
    }
    if let Some((trial, (cause, witness, _))) =
        died.first().and_then(|t| Some((t, dies(&classes, t)?)))
    {
        let finding = Finding::fail(cause, witness)
            .seen(died.len(), trials.len())
            .log(trial.last_lines())
            .trial(trial.name())
            .fix("answer ready only when the service can serve, and look at what ended it");
        findings.push(finding);
    }
    let times: Vec<_> = trials.iter().filter_map(Trial::ready).collect();
    let slow = times.iter().filter(|time| **time > limit).count();
    let worst = times.iter().max().copied().unwrap_or_default();
    let took = format!("the first ready answer took {}, the limit is {}", time(worst), time(limit));
    let waited = trials.iter().map(Trial::waited).max().unwrap_or_default();
    let slow_by_itself = trials
        .iter()
        .filter_map(|trial| Some(trial.ready()?.saturating_sub(trial.waited())))
        .filter(|time| *time > limit);
    if slow >= 2 && slow_by_itself.count() < 2 {
        let why = format!(
            "{took}, but up to {} of that it waited for a processor: the machine was busy; run it \
             again when it is not",
            time(waited)
        );
        return Ruling::undecided(why).with(findings);
    }
    if slow >= 2 {
        let mend =
            "start less before listening, or promise what is true: [controls.startup] within";
        findings.push(Finding::fail("too-slow", took.clone()).seen(slow, trials.len()).fix(mend));
    }
    let decided = findings.iter().any(|finding| finding.severity == model::Severity::Fail);
    if !decided && findings.iter().any(|finding| finding.cause != "too-slow") {
        let why = format!("{} once in {} starts; run it again", findings[0].cause, trials.len());
        return Ruling::undecided(why).with(findings);
    }
    if !decided && slow == 1 {
        let why = format!(
            "{took}, but once in {} starts: run it again on a quieter machine",
            trials.len()
        );
        return Ruling::undecided(why);
    }
    let cold = trials.iter().filter(|trial| trial.method == COLD).count();
    let restarts = trials.len() - cold;
    if !decided && (cold < 3 || restarts < 1) {
        return Ruling::undecided(format!(
            "only {cold} cold starts and {restarts} restarts were tried"
        ));
    }
    let held =
        format!("ready in {} at worst ({cold} cold starts, {restarts} restarts)", time(worst));
    Ruling::from_findings(held, findings)
}

/// A finding for each way in which starts did not work. One that was concluded from waiting fails
/// only when it was seen twice.
fn broken(trials: &[Trial<'_>]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    let all: Vec<_> = trials.iter().filter_map(|trial| Some((trial, trial.broken()?))).collect();
    for (trial, broken) in &all {
        let cause = broken.cause();
        if findings.iter().any(|finding| finding.cause == cause) {
            continue;
        }
        let same: Vec<_> = all.iter().filter(|(_, other)| other.cause() == cause).collect();
        let restarts_only = same.iter().all(|(trial, _)| trial.method == RESTART);
        let witness = broken.witness(trial);
        let (witness, mend) = if restarts_only {
            let mend = "what the last run left behind stops it: lock files, rows, sockets";
            (format!("on a restart {witness}; cold starts work"), mend)
        } else {
            (witness, broken.fix())
        };
        let once = broken.is_of_time() && same.len() < 2;
        let finding =
            if once { Finding::warn(cause, witness) } else { Finding::fail(cause, witness) };
        findings.push(finding.seen(same.len(), trials.len()).log(trial.last_lines()).fix(mend));
    }
    findings
}

/// How it stopped being ready although nobody asked it to.
/// What became of a service that was ready, and whether it was merely silent.
fn dies(classes: &Classes, trial: &Trial<'_>) -> Option<(&'static str, String, bool)> {
    let after = trial.ready().filter(|_| trial.broken().is_none())?;
    let unasked = trial.exit().is_some() && !trial.was_signalled();
    if unasked {
        let exit = trial.exit_words();
        return Some((
            "dies-after-ready",
            format!("it was ready after {} and then {exit}", time(after)),
            false,
        ));
    }
    let refused = trial.refused_after_ready(classes)?;
    let text = format!("it was ready after {} and then {}", time(after), refused.words());
    Some(("unready-again", text, *refused == Probe::TimedOut))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trials::build::*;
    use model::Verdict;

    fn run(starts: &[Vec<Seen>]) -> model::Judgement {
        let text = "[service]\nname = \"a\"\nstart = \"a --port {port}\"\n";
        let manifest = settings::parse(text).expect("it is good").manifest;
        let mut all = Vec::new();
        for (at, seen) in starts.iter().enumerate() {
            let (method, round) = if at < 3 { (COLD, at + 1) } else { (RESTART, at - 2) };
            let seen = std::iter::once(started()).chain(seen.clone()).collect();
            all.extend(trial(&format!("{method}/{round}"), "service", method, seen));
        }
        Startup.judged(&manifest, &all)
    }

    fn good() -> Vec<Seen> {
        let signalled = Seen::Signalled { signal: "SIGTERM".into(), pid: 7 };
        vec![ready(50), signalled, exited(0)]
    }

    #[test]
    fn good_starts_pass_and_say_the_worst_time() {
        let judgement = run(&[good(), vec![ready(90)], good(), good(), good()]);
        assert_eq!(judgement.verdict(), Verdict::Pass);
        assert!(judgement.summary.contains("90 ms at worst (3 cold starts, 2 restarts)"));
    }

    #[test]
    fn one_exit_at_the_start_fails() {
        let bad = vec![line("boom"), exited(3)];
        let judgement = run(&[good(), bad, good(), good(), good()]);
        assert_eq!(judgement.verdict(), Verdict::Fail);
        assert_eq!(judgement.findings[0].cause, "exits-at-start");
        assert_eq!(judgement.findings[0].seen, Some((1, 5)));
        assert_eq!(judgement.findings[0].log, ["boom"]);
    }

    #[test]
    fn a_failing_restart_is_told_from_a_failing_start() {
        let judgement = run(&[good(), good(), good(), vec![exited(1)]]);
        assert!(judgement.findings[0].witness.contains("cold starts work"));
    }

    #[test]
    fn never_ready_needs_two() {
        let judgement = run(&[vec![never()], good(), good(), good()]);
        assert_eq!(judgement.verdict(), Verdict::Inconclusive);
        let judgement = run(&[vec![never()], vec![never()]]);
        assert_eq!(judgement.verdict(), Verdict::Fail);
        assert_eq!(judgement.findings[0].cause, "never-listens");
    }

    #[test]
    fn causes_of_never_are_told_apart() {
        let probed = |result| Seen::Probed { probe: "ready".into(), result, took_us: 1 };
        let opened = Seen::PortOpened { port: 1 };
        let elsewhere = Seen::ListensElsewhere { addresses: vec!["127.0.0.1:80".into()] };
        for (seen, cause) in [
            (vec![never(), elsewhere], "listens-elsewhere"),
            (vec![opened.clone(), probed(Probe::TimedOut), never()], "never-answers"),
            (
                vec![
                    opened.clone(),
                    probed(Probe::Answered { status: 503, accepted: false }),
                    never(),
                ],
                "never-ready",
            ),
            (vec![opened, probed(Probe::NotHttp { start: "SSH".into() }), never()], "not-http"),
        ] {
            let judgement = run(&[seen.clone(), seen]);
            assert_eq!(judgement.findings[0].cause, cause);
            assert_eq!(judgement.verdict(), Verdict::Fail);
        }
        let left = Seen::LeftBehind { processes: vec!["a (9)".into()] };
        let judgement = run(&[vec![exited(0), left]]);
        assert_eq!(judgement.findings[0].cause, "forked-away");
        assert_eq!(run(&[vec![exited(0)]]).findings[0].cause, "exited-zero");
    }

    #[test]
    fn what_cannot_be_reached_here_decides_nothing_and_says_what_to_do() {
        for (seen, words) in [
            (Seen::SpeaksTls { port: 1 }, "tls = true"),
            (Seen::SpeaksNoTls { port: 1 }, "speaks no TLS"),
            (
                Seen::ServesUnixSocket { path: "/run/a.sock".into() },
                "Unix sockets are not supported",
            ),
        ] {
            let judgement = run(&[vec![never(), seen.clone()], vec![never(), seen]]);
            assert_eq!(judgement.verdict(), Verdict::Inconclusive);
            assert!(judgement.summary.contains(words), "{}", judgement.summary);
        }
    }

    #[test]
    fn one_silent_probe_decides_nothing() {
        let probed = |result| Seen::Probed { probe: "ready".into(), result, took_us: 1 };
        let silent = || vec![ready(50), probed(Probe::TimedOut)];
        assert_eq!(run(&[silent(), good(), good(), good()]).verdict(), Verdict::Inconclusive);
        let judgement = run(&[silent(), silent(), good(), good()]);
        assert_eq!(judgement.findings[0].cause, "unready-again");
    }

    #[test]
    fn slow_needs_two_of_three() {
        let judgement = run(&[vec![ready(6000)], good(), good(), good()]);
        assert_eq!(judgement.verdict(), Verdict::Inconclusive);
        let judgement = run(&[vec![ready(6000)], vec![ready(7000)], good(), good()]);
        assert_eq!(judgement.verdict(), Verdict::Fail);
        assert_eq!(judgement.findings[0].cause, "too-slow");
        assert!(judgement.findings[0].witness.contains("7.0 s"));
    }

    #[test]
    fn a_slow_start_on_a_busy_machine_decides_nothing() {
        let name = lab::WAITED;
        let start = |waited: i64| vec![ready(7000), crate::trials::build::fact(name, "", waited)];
        let judgement = run(&[start(4000), start(4500), start(3000), good()]);
        assert_eq!(judgement.verdict(), Verdict::Inconclusive);
        assert!(judgement.summary.contains("4.5 s of that it waited"), "{}", judgement.summary);
        let judgement = run(&[start(100), start(200), start(300), good()]);
        assert_eq!(judgement.findings[0].cause, "too-slow");
    }

    #[test]
    fn dying_after_ready_is_not_being_stopped() {
        let judgement = run(&[vec![ready(50), exited(1)], good(), good(), good()]);
        assert_eq!(judgement.findings[0].cause, "dies-after-ready");
        let refused = Probe::Answered { status: 503, accepted: false };
        let probed = Seen::Probed { probe: "ready".into(), result: refused, took_us: 1 };
        let judgement = run(&[vec![ready(50), probed], good(), good(), good()]);
        assert_eq!(judgement.findings[0].cause, "unready-again");
    }

    #[test]
    fn too_few_starts_prove_nothing() {
        assert_eq!(run(&[good()]).verdict(), Verdict::Inconclusive);
        assert_eq!(run(&[good(), good(), good()]).verdict(), Verdict::Inconclusive);
    }
}
