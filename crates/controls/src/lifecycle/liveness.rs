//! The liveness probe answers fast and depends on nothing.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::future;
use lab::{Bench, LabError, Readiness, Running, TrialLog};
use model::declaration::Declaration;
use model::{
    Account, Applicability, Card, Classes, Finding, Lane, Need, Observation, Probe, Reach, Ruling,
    Seen, Severity, Tally,
};
use settings::Manifest;

use crate::control::{Applies, Control};
use crate::outage::{self, LIVE_PATIENCE as LONGEST, Loss, Observer};
use crate::trials::{Trial, by_trial, is_limited, time};

/// What would decide it.
const LIVE: Declaration = Declaration {
    lines: &["[service]", "live = \"/health/live\""],
    what: "where it says that it is alive, without asking anything else",
};

pub(crate) struct Liveness;

static CARD: Card = Card {
    id: "liveness",
    applicability: Applicability::Universal,
    reach: Reach::Lab,
    lane: Lane::Quiet,
    disturbs: "its own instance and its dependencies",
    budget: 25,
    decided_by: &[LIVE],
    page: include_str!("liveness.md"),
};

const HEALTHY: &str = "healthy";
const STOPPED: &str = "stopped";
const CONTINUED: &str = "continued";
const SERVICE: &str = "service";
/// How long it may take to come back after it was stopped.
const COMES_BACK: Duration = Duration::from_secs(5);
/// The faults under which it is probed.
const LOSSES: [Loss; 3] = [Loss::Refused, Loss::Hanging, Loss::Slow];

#[async_trait]
impl Control for Liveness {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn applies(&self, manifest: &Manifest) -> Applies {
        if manifest.service.live.is_some() {
            return Applies::Yes;
        }
        let what = "declare the liveness probe: service.live = \"/health/live\"; or say why there \
                    is none under [not-applicable]";
        Applies::Undeclared(what.to_owned())
    }

    fn waits(&self, manifest: &Manifest, start: Duration) -> Duration {
        outage::waits(manifest, start)
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        let first = bench.trial(HEALTHY);
        let mut instance = bench.instance().await?;
        if let Some(mut running) = instance.start(&first, None).await? {
            let patience = bench.patience();
            let readiness = running.wait_ready(patience).await;
            begin(&first, SERVICE, HEALTHY);
            if matches!(readiness, Readiness::Ready { .. }) {
                in_good_health_and_stopped(bench, &running, &first).await;
            }
            running.kill().await;
        }
        instance.end().await;
        let dependencies = bench.manifest().dependencies.keys();
        let all = dependencies.flat_map(|name| LOSSES.map(|loss| (name, loss)));
        let rounds =
            all.map(|(name, loss)| outage::round(bench, Observer::Liveness, name, loss, 1));
        future::try_join_all(rounds).await.map(|_| ())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        let trials = by_trial(seen);
        (account(manifest, &trials), judge(manifest, &trials))
    }
}

fn begin(trial: &TrialLog, subject: &str, method: &str) {
    trial.saw(Seen::Trial { subject: subject.into(), method: method.into(), round: 1 });
}

async fn in_good_health_and_stopped(bench: &Bench, running: &Running, first: &TrialLog) {
    let probes = bench.manifest().controls.liveness.probes.max(3);
    bench.progress("probing it in good health");
    ask(running, first, probes, LONGEST).await;
    bench.progress("probing it while the process is stopped");
    let trial = bench.trial(STOPPED);
    begin(&trial, SERVICE, STOPPED);
    running.signal_tree(&trial, "SIGSTOP");
    // The kernel stops a process a moment after the signal.
    running.wait_stopped(Duration::from_secs(1)).await;
    ask(running, &trial, 2, Duration::from_secs(1)).await;
    running.signal_tree(&trial, "SIGCONT");
    let trial = bench.trial(CONTINUED);
    begin(&trial, SERVICE, CONTINUED);
    // It may find itself overloaded for a moment: what it says when that is over counts.
    let until = Instant::now() + COMES_BACK;
    while !running.ask_live(&trial, LONGEST).await.is_accepted() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ask(running, &trial, probes, LONGEST).await;
}

async fn ask(running: &Running, trial: &TrialLog, times: u32, within: Duration) {
    for _ in 0..times {
        running.ask_live(trial, within).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

/// The liveness probes of a trial while its fault lasted, each with how long it took.
fn probes<'a>(classes: &Classes, trial: &'a Trial<'_>) -> Vec<(&'a Probe, Duration)> {
    let during = trial.seen.iter().take_while(|o| !matches!(o.seen, Seen::FaultHealed { .. }));
    let all = during.filter_map(|observation| match &observation.seen {
        Seen::Probed { probe, result, took_us: took }
            if probe == "live" && !is_limited(classes, result) =>
        {
            Some((result, Duration::from_micros(*took)))
        }
        _ => None,
    });
    all.collect()
}

/// Probes in good health, faults that met a connection, and the counter-test.
fn account(manifest: &Manifest, trials: &[Trial<'_>]) -> Account {
    let wanted = manifest.controls.liveness.probes.max(3) as usize;
    let classes = manifest.classes();
    let find = |method: &str| trials.iter().find(|t| t.subject == SERVICE && t.method == method);
    let of = |method: &str| find(method).map_or(0, |trial| probes(&classes, trial).len());
    // Both signals belong to the trial in which it was stopped.
    let after = |signal: &str, method: &str| {
        let signalled = find(STOPPED).is_some_and(|trial| trial.was_signalled_with(signal));
        if signalled { of(method) } else { 0 }
    };
    let counted = |name: &str, planned: usize, seen: usize| {
        let mut tally = Tally::of(name);
        tally.plan(planned);
        (0..seen).for_each(|_| tally.landed());
        tally
    };
    let mut faults = Tally::of("faults");
    faults.plan(manifest.dependencies.len() * LOSSES.len());
    let mut under = Tally::of("probes under faults");
    for trial in trials.iter().filter(|trial| trial.subject != SERVICE) {
        let ready = trial.ready().ok_or_else(|| "met no instance that was ready".to_owned());
        faults.tried(ready.and_then(|_| trial.fault_landed()));
        under.plan_more(wanted);
        probes(&classes, trial).iter().for_each(|_| under.landed());
    }
    let need = if manifest.dependencies.is_empty() { Need::Told } else { Need::All };
    Account::default()
        .with(counted("probes in good health", wanted, of(HEALTHY)), Need::All)
        .with(faults, need)
        .with(under, need)
        .with(counted("probes while it was stopped", 2, after("SIGSTOP", STOPPED)), Need::All)
        .with(counted("probes after it went on", wanted, after("SIGCONT", CONTINUED)), Need::All)
}

fn judge(manifest: &Manifest, trials: &[Trial<'_>]) -> Ruling {
    let find = |method: &str| trials.iter().find(|t| t.subject == SERVICE && t.method == method);
    let Some(healthy) = find(HEALTHY) else {
        return Ruling::undecided("it was never probed");
    };
    if let Some(broken) = healthy.broken() {
        return Ruling::undecided(format!("it did not become ready ({})", broken.cause()));
    }
    let classes = manifest.classes();
    if healthy.is_unready() {
        return Ruling::undecided("it was not seen to get ready");
    }
    let good = probes(&classes, healthy);
    let Some(slowest) = good.iter().map(|(_, took)| *took).max() else {
        return Ruling::undecided("it was never probed");
    };
    let path = manifest.service.live.as_ref().map_or("", |live| &live.0.path);
    if let Some((probe, _)) = good.iter().find(|(probe, _)| !probe.is_accepted()) {
        let text = format!("in good health {path} {}", probe.words());
        let finding =
            Finding::fail("never-live", text).fix("check service.live, or build the probe");
        return Ruling::from_findings("", vec![finding]);
    }
    let declared = manifest.service.live.as_ref().map_or(LONGEST, |live| live.0.within.0);
    let late = good.iter().filter(|(_, took)| *took > declared).count();
    if late >= 2 {
        let text = format!(
            "in good health {path} took {}, the limit is {}",
            time(slowest),
            time(declared)
        );
        let mend = "answer it at once, or promise what is true: service.live = { path = \"…\", within = \"…\" }";
        let finding = Finding::fail("too-slow", text).fix(mend).seen(late, good.len());
        return Ruling::from_findings("", vec![finding]);
    }
    let limit = declared.max(slowest * 10);
    let mut findings: Vec<Finding> = trials
        .iter()
        .filter(|trial| trial.subject != SERVICE)
        .filter_map(|trial| under_fault(&classes, trial, path, limit))
        .collect();
    findings.extend(find(CONTINUED).and_then(|trial| {
        // The first may be answered from before it noticed that it had been stopped.
        let probes = probes(&classes, trial);
        let ended = probes.last().is_some_and(|(probe, _)| !probe.is_accepted());
        let text = "after the process was stopped and went on, the probe did not come back";
        let mend =
            "a pause is no death: answer again once it is over, whatever was missed meanwhile";
        ended.then(|| Finding::fail("does-not-come-back", text).fix(mend))
    }));
    let Some(stopped) =
        find(STOPPED).map(|trial| probes(&classes, trial)).filter(|probes| !probes.is_empty())
    else {
        return Ruling::undecided("the counter-test (SIGSTOP) was not made").with(findings);
    };
    if stopped.iter().any(|(probe, _)| probe.is_accepted()) {
        let text = format!("every process of the service was stopped, and {path} still answered");
        let mend = "let the process that does the work answer the probe";
        findings.push(Finding::fail("not-a-probe", text).fix(mend));
    }
    let failed = findings.iter().any(|finding| finding.severity == Severity::Fail);
    let faults = trials.iter().filter(|trial| trial.subject != SERVICE).count();
    if faults == 0 && !failed && !manifest.dependencies.is_empty() {
        return Ruling::undecided("no fault was tried").with(findings);
    }
    let tried = match faults {
        0 => "no dependency to take away".to_owned(),
        n => format!("{n} faults"),
    };
    let held = format!(
        "answered in {} at most ({tried}), and not when stopped",
        time(longest(&classes, trials))
    );
    Ruling::from_findings(held, findings)
}

fn longest(classes: &Classes, trials: &[Trial<'_>]) -> Duration {
    let all = trials.iter().filter(|trial| trial.method != STOPPED);
    all.flat_map(|trial| probes(classes, trial)).map(|(_, took)| took).max().unwrap_or_default()
}

/// What is wrong with the probes under one fault. Late answers are a matter of time: two of them.
fn under_fault(
    classes: &Classes,
    trial: &Trial<'_>,
    path: &str,
    limit: Duration,
) -> Option<Finding> {
    let probes = probes(classes, trial);
    let what = format!("while {} was {}", trial.subject, trial.method);
    // A process that ended answers nothing: that is told by those whose promise it is.
    let died = trial.exit().is_some();
    let refused: Vec<_> = probes
        .iter()
        .filter(|(probe, _)| match probe {
            Probe::Answered { accepted, .. } => !accepted,
            Probe::NotHttp { .. } => true,
            Probe::Refused | Probe::Dropped => !died,
            _ => false,
        })
        .collect();
    let mend = "answer it from the process alone: no database, no cache, no pool; a failing \
                liveness probe makes an orchestrator restart every replica at once";
    if let Some((probe, _)) = refused.first() {
        let text = format!("{what}, {path} {}", probe.words());
        let finding = Finding::fail("depends-on-dependency", text).about(trial.subject);
        return Some(finding.fix(mend).seen(refused.len(), probes.len()));
    }
    let late = probes.iter().filter(|(p, took)| *took > limit || *p == &Probe::TimedOut).count();
    if late == 0 {
        return None;
    }
    let worst = probes.iter().map(|(_, took)| *took).max().unwrap_or_default();
    let text = format!("{what}, {path} took {}, the limit is {}", time(worst), time(limit));
    let finding = if late >= 2 {
        Finding::fail("depends-on-dependency", text)
    } else {
        Finding::warn("late-once", text)
    };
    Some(finding.about(trial.subject).fix(mend).seen(late, probes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trials::build::*;
    use model::Verdict;

    const OK: Probe = Probe::Answered { status: 200, accepted: true };

    fn live(result: Probe, millis: u64) -> Seen {
        Seen::Probed { probe: "live".into(), result, took_us: millis * 1000 }
    }

    fn run(fault: Vec<Seen>, stopped: Probe) -> model::Judgement {
        let text = "[service]\nname = \"a\"\nstart = \"a --port {port}\"\nlive = \"/live\"\n\
                    [dependencies.db]\nkind = \"postgres\"\n";
        let manifest = settings::parse(text).expect("it is good").manifest;
        let healthy = vec![started(), ready(50), live(OK, 2), live(OK, 3)];
        let mut all = trial("healthy", SERVICE, HEALTHY, healthy);
        all.extend(trial("db/hanging", "db", "hanging", fault));
        all.extend(trial("stopped", SERVICE, STOPPED, vec![live(stopped, 1000)]));
        all.extend(trial("continued", SERVICE, CONTINUED, vec![live(OK, 2)]));
        concluded(judge(&manifest, &by_trial(&all)))
    }

    #[test]
    fn a_probe_that_depends_on_nothing_passes() {
        let judgement = run(vec![live(OK, 2), live(OK, 4)], Probe::TimedOut);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
        assert!(judgement.summary.contains("4.0 ms at most (1 faults)"), "{}", judgement.summary);
    }

    #[test]
    fn a_probe_that_fails_or_waits_with_its_dependency_fails() {
        let unready = Probe::Answered { status: 503, accepted: false };
        let judgement = run(vec![live(unready, 2)], Probe::TimedOut);
        assert_eq!(judgement.findings[0].cause, "depends-on-dependency");
        let judgement = run(vec![live(OK, 1500), live(OK, 1500)], Probe::TimedOut);
        assert_eq!(judgement.verdict(), Verdict::Fail);
        let judgement =
            run(vec![live(Probe::TimedOut, 5000), live(Probe::TimedOut, 5000)], Probe::TimedOut);
        assert_eq!(judgement.verdict(), Verdict::Fail);
    }

    #[test]
    fn a_service_that_ended_is_not_called_dependent() {
        let judgement = run(vec![live(OK, 2), live(Probe::Refused, 1), exited(1)], Probe::TimedOut);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
        let judgement = run(vec![live(OK, 2), live(Probe::Refused, 1)], Probe::TimedOut);
        assert_eq!(judgement.verdict(), Verdict::Fail);
    }

    #[test]
    fn a_probe_that_is_slow_in_good_health_fails() {
        let text = "[service]\nname = \"a\"\nstart = \"a --port {port}\"\nlive = \"/live\"\n";
        let manifest = settings::parse(text).expect("it is good").manifest;
        let healthy = vec![started(), ready(50), live(OK, 2500), live(OK, 2500)];
        let all = trial("healthy", SERVICE, HEALTHY, healthy);
        let judgement = concluded(judge(&manifest, &by_trial(&all)));
        assert_eq!(
            (judgement.verdict(), judgement.findings[0].cause.as_str()),
            (Verdict::Fail, "too-slow")
        );
    }

    #[test]
    fn a_probe_that_comes_back_only_at_first_has_not_come_back() {
        let unready = Probe::Answered { status: 503, accepted: false };
        let manifest = settings::parse(
            "[service]\nname = \"a\"\nstart = \"a --port {port}\"\nlive = \"/live\"\n",
        );
        let manifest = manifest.expect("it is good").manifest;
        let mut all = trial(
            "healthy",
            SERVICE,
            HEALTHY,
            vec![started(), ready(50), live(OK, 2), live(OK, 3)],
        );
        all.extend(trial("stopped", SERVICE, STOPPED, vec![live(Probe::TimedOut, 1000)]));
        let after = vec![live(OK, 2), live(unready.clone(), 2), live(unready, 2)];
        all.extend(trial("continued", SERVICE, CONTINUED, after));
        let judgement = concluded(judge(&manifest, &by_trial(&all)));
        assert_eq!(judgement.findings[0].cause, "does-not-come-back");
    }

    #[test]
    fn one_late_answer_is_a_warning() {
        let judgement = run(vec![live(OK, 1500), live(OK, 2), live(OK, 2)], Probe::TimedOut);
        assert_eq!(judgement.verdict(), Verdict::Pass);
        assert_eq!(judgement.findings[0].cause, "late-once");
    }

    #[test]
    fn a_probe_that_answers_for_a_stopped_process_is_none() {
        let judgement = run(vec![live(OK, 2)], OK);
        assert_eq!(judgement.findings[0].cause, "not-a-probe");
    }
}
