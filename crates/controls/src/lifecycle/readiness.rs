//! Readiness says no while a critical dependency is away, and yes again without a restart.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future;
use lab::{Bench, LabError};
use model::declaration::Declaration;
use model::{
    Account, Applicability, Card, Classes, Finding, Kind, Lane, Need, Observation, Probe, Reach,
    Ruling, Seen, Tally,
};
use settings::Manifest;
use settings::controls::OnLoss;

use crate::control::{Applies, Control};
use crate::outage::{self, Loss, Observer};
use crate::trials::{Trial, by_trial, is_limited, merged, time, words_of_end};

/// What would decide it.
const READY: Declaration = Declaration {
    lines: &["[service]", "ready = \"/health/ready\""],
    what: "where it says that it can serve",
};

pub(crate) struct Readiness;

static CARD: Card = Card {
    id: "readiness",
    applicability: Applicability::Universal,
    reach: Reach::Lab,
    lane: Lane::Quiet,
    disturbs: "its own instances and their dependencies",
    budget: 15,
    decided_by: &[READY],
    page: include_str!("readiness.md"),
};

const LOSSES: [Loss; 2] = [Loss::Refused, Loss::Hanging];
/// Two of three decide.
const ROUNDS: u32 = 3;

#[async_trait]
impl Control for Readiness {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn applies(&self, manifest: &Manifest) -> Applies {
        if manifest.service.ready.is_none() {
            let what = "declare the readiness probe: service.ready = \"/health/ready\"";
            return Applies::Undeclared(what.to_owned());
        }
        if manifest.dependencies.is_empty() {
            let what = "declare what it depends on ([dependencies.database] kind = \"postgres\"), \
                        or say under [not-applicable] that it depends on nothing";
            return Applies::Undeclared(what.to_owned());
        }
        if critical(manifest).next().is_none() {
            return Applies::No("none of its dependencies is critical".to_owned());
        }
        Applies::Yes
    }

    fn waits(&self, manifest: &Manifest, start: Duration) -> Duration {
        outage::waits(manifest, start)
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        let names: Vec<String> = critical(bench.manifest()).map(str::to_owned).collect();
        let all = names.iter().flat_map(|name| LOSSES.map(|loss| (name, loss)));
        let rounds = all.map(|(name, loss)| async move {
            let mut bad = 0;
            for round in 1..=ROUNDS {
                let seen = outage::round(bench, Observer::Readiness, name, loss, round).await?;
                bad += u32::from(!went_as_promised(bench.manifest(), &seen));
                // One good round is enough, and two bad ones are.
                if bad < round || bad == 2 {
                    break;
                }
            }
            Ok::<_, LabError>(())
        });
        future::try_join_all(rounds).await.map(|_| ())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        let trials = by_trial(seen);
        (account(manifest, &trials), judge(manifest, &trials))
    }
}

fn critical(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.dependencies.iter().filter(|(_, d)| d.critical).map(|(name, _)| name.as_str())
}

/// The longest time until the probe must have noticed: its lag, and two answers.
fn notice_limit(manifest: &Manifest) -> Duration {
    let probe = manifest.service.ready.as_ref();
    probe.map_or(Duration::ZERO, |probe| probe.0.lag.0 + 2 * probe.0.within.0)
}

/// Whether no further round is needed.
fn went_as_promised(manifest: &Manifest, seen: &[Observation]) -> bool {
    let (classes, trials) = (manifest.classes(), by_trial(seen));
    let rounds: Vec<_> = trials.iter().map(|trial| Round::read(trial, &classes)).collect();
    let rounds: Vec<_> = rounds.iter().collect();
    rounds.iter().all(|round| round.used && round.healed) && wrong(manifest, &rounds).is_empty()
}

/// What one round showed.
struct Round<'a> {
    trial: &'a Trial<'a>,
    /// The service had connected through the proxy before the fault.
    used: bool,
    /// From the fault to the first answer that was not accepted, and what that was.
    noticed: Option<(Duration, &'a Probe)>,
    healed: bool,
    /// From the return to the first accepted answer.
    recovered: Option<Duration>,
    died: bool,
}

impl<'a> Round<'a> {
    fn read(trial: &'a Trial<'a>, classes: &Classes) -> Self {
        let mut round =
            Self { trial, used: false, noticed: None, healed: false, recovered: None, died: false };
        let (mut set, mut healed) = (None, None);
        for observation in &trial.seen {
            let since = |then: u64| Duration::from_micros(observation.at.saturating_sub(then));
            match &observation.seen {
                Seen::Traffic { connections, .. } if set.is_none() => round.used = *connections > 0,
                Seen::FaultSet { .. } => set = Some(observation.at),
                Seen::FaultHealed { .. } => healed = Some(observation.at),
                // The service's own limiter has noticed nothing.
                Seen::Probed { result, .. } if is_limited(classes, result) => {}
                Seen::Probed { probe, result, .. } if probe == "ready" => match (set, healed) {
                    (Some(_), Some(healed)) if result.is_accepted() => {
                        round.recovered.get_or_insert(since(healed));
                    }
                    (Some(set), None) if !result.is_accepted() => {
                        round.noticed.get_or_insert((since(set), result));
                    }
                    _ => {}
                },
                Seen::Exited { .. } => round.died = true,
                _ => {}
            }
        }
        round.healed = healed.is_some();
        round
    }
}

/// Faults that met a connection and were taken away again.
fn account(manifest: &Manifest, trials: &[Trial<'_>]) -> Account {
    let classes = manifest.classes();
    let mut faults = Tally::of("faults");
    faults.plan(critical(manifest).count() * LOSSES.len());
    for name in critical(manifest) {
        for word in LOSSES.map(Loss::word) {
            let rounds: Vec<_> = trials
                .iter()
                .filter(|t| t.subject == name && t.method == word && t.ready().is_some())
                .map(|trial| Round::read(trial, &classes))
                .collect();
            if rounds.iter().any(|round| round.used && round.healed) {
                faults.landed();
            } else if !rounds.is_empty() {
                faults.missed("met no connection");
            }
        }
    }
    let mut probes = Tally::of("probes");
    for observation in trials.iter().flat_map(|trial| &trial.seen) {
        match &observation.seen {
            Seen::Probed { result, .. } if is_limited(&classes, result) => {
                probes.missed(Kind::Limited.words());
            }
            Seen::Probed { .. } => probes.landed(),
            _ => {}
        }
    }
    Account::default().with(faults, Need::All).with(probes, Need::Told)
}

fn judge(manifest: &Manifest, trials: &[Trial<'_>]) -> Ruling {
    if trials.is_empty() {
        return Ruling::undecided("no fault was tried");
    }
    if let Some(broken) = trials
        .iter()
        .find_map(Trial::broken)
        .filter(|_| trials.iter().all(|trial| trial.ready().is_none()))
    {
        return Ruling::undecided(format!("it did not become ready ({})", broken.cause()));
    }
    let classes = manifest.classes();
    let ready = trials.iter().filter(|trial| trial.ready().is_some());
    let rounds: Vec<_> = ready.map(|trial| Round::read(trial, &classes)).collect();
    let mut findings = Vec::new();
    let mut undecided = Vec::new();
    let mut pairs: Vec<_> = rounds.iter().map(|r| (r.trial.subject, r.trial.method)).collect();
    pairs.dedup();
    for (name, word) in &pairs {
        let same: Vec<_> = rounds
            .iter()
            .filter(|round| round.trial.subject == *name && round.trial.method == *word)
            .collect();
        if !same.iter().any(|round| round.used && round.healed) {
            undecided.push(format!(
                "nothing connected to {name} before it was {word}: does the service get {{{name}.url}}?"
            ));
            continue;
        }
        for (cause, seen) in wrong(manifest, &same) {
            let after = same.iter().find_map(|round| round.trial.ended_under_fault());
            let witness = match cause {
                DIES => words_of_end(name, word, after),
                _ => witness(manifest, cause, name, word),
            };
            if seen >= 2 || cause == DIES {
                let finding = Finding::fail(cause, witness).about(*name).fix(fix(cause));
                let first = same[0].trial;
                let finding = finding.seen(seen, same.len()).log(first.few_lines());
                findings.push(finding.trial(first.name()));
            } else if seen == same.len() {
                undecided.push(format!("{witness} (seen once; a second run decides)"));
            }
        }
        findings.extend(notes(&same, name, word));
    }
    let failed = findings.iter().any(|finding| finding.severity == model::Severity::Fail);
    if !failed && !undecided.is_empty() {
        return Ruling::undecided(undecided.join("; ")).with(findings);
    }
    let slowest = |pick: fn(&Round<'_>) -> Option<Duration>| {
        rounds.iter().filter_map(pick).max().map_or("–".to_owned(), time)
    };
    let held = format!(
        "noticed within {}, back within {} ({} faults)",
        slowest(|round| round.noticed.map(|(after, _)| after)),
        slowest(|round| round.recovered),
        pairs.len()
    );
    Ruling::from_findings(held, merged(findings))
}

const STAYS_READY: &str = "stays-ready";
const GOES_UNREADY: &str = "goes-unready";
const NO_RECOVERY: &str = "no-recovery";
const DIES: &str = "dies";

/// What was wrong, and how often.
fn wrong(manifest: &Manifest, rounds: &[&Round<'_>]) -> Vec<(&'static str, usize)> {
    let count = |is: &dyn Fn(&Round<'_>) -> bool| rounds.iter().filter(|round| is(round)).count();
    let on_loss = manifest.controls.readiness.on_loss;
    let all = [
        (DIES, count(&|round| round.died)),
        (
            STAYS_READY,
            match on_loss {
                OnLoss::Unready => count(&|round| round.noticed.is_none() && !round.died),
                OnLoss::Ready => 0,
            },
        ),
        (
            GOES_UNREADY,
            match on_loss {
                OnLoss::Unready => 0,
                OnLoss::Ready => count(&|round| round.noticed.is_some() && !round.died),
            },
        ),
        (NO_RECOVERY, count(&|round| round.recovered.is_none() && !round.died)),
    ];
    all.into_iter().filter(|(_, seen)| *seen > 0).collect()
}

fn witness(manifest: &Manifest, cause: &str, name: &str, word: &str) -> String {
    let settings = &manifest.controls.readiness;
    let path = manifest.service.ready.as_ref().map_or("", |probe| &probe.0.path);
    match cause {
        STAYS_READY => format!(
            "{name} was {word} for {}, and {path} went on saying yes",
            time(notice_limit(manifest))
        ),
        GOES_UNREADY => {
            format!(
                "{name} was {word} and {path} said no, although on_loss = \"ready\" is declared"
            )
        }
        _ => format!(
            "{name} was {word} and came back, and {path} did not say yes again within {}",
            time(settings.recover_within.0)
        ),
    }
}

fn fix(cause: &str) -> &'static str {
    match cause {
        STAYS_READY => "ask every critical dependency in the probe, with a time-out of its own",
        GOES_UNREADY => {
            "leave the shared dependency out of the probe, or declare on_loss = \"unready\""
        }
        NO_RECOVERY => {
            "validate pooled connections, give every query a time-out, and throw hung ones away"
        }
        _ => "handle the loss of a connection: a dependency's restart must not end the service",
    }
}

fn notes(rounds: &[&Round<'_>], name: &str, word: &str) -> Option<Finding> {
    let silent = rounds.iter().any(|round| matches!(round.noticed, Some((_, Probe::TimedOut))));
    silent.then(|| {
        let text =
            format!("while {name} was {word}, the probe gave no answer in time instead of a no");
        Finding::note("unready-by-silence", text).about(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trials::build::*;
    use model::Verdict;

    const YES: Probe = Probe::Answered { status: 200, accepted: true };
    const NO: Probe = Probe::Answered { status: 503, accepted: false };

    fn probed(result: Probe) -> Seen {
        Seen::Probed { probe: "ready".into(), result, took_us: 1000 }
    }

    fn round(used: u64, during: Vec<Seen>, after: Vec<Seen>) -> Vec<Seen> {
        let dependency = || "db".to_owned();
        let traffic = Seen::Traffic { dependency: dependency(), connections: used, up: 0, down: 0 };
        let mut seen = vec![started(), ready(50), traffic];
        seen.push(Seen::FaultSet { dependency: dependency(), fault: "refused".into() });
        seen.extend(during);
        seen.push(Seen::FaultHealed { dependency: dependency() });
        seen.extend(after);
        seen
    }

    fn run(settings: &str, rounds: Vec<Vec<Seen>>) -> model::Judgement {
        let text = format!(
            "[service]\nname = \"a\"\nstart = \"a --port {{port}}\"\nready = \"/ready\"\n\
             [dependencies.db]\nkind = \"postgres\"\n[controls.readiness]\n{settings}\n"
        );
        let manifest = settings::parse(&text).expect("it is good").manifest;
        let all: Vec<_> = rounds
            .into_iter()
            .enumerate()
            .flat_map(|(at, seen)| trial(&format!("db/refused/{}", at + 1), "db", "refused", seen))
            .collect();
        concluded(judge(&manifest, &by_trial(&all)))
    }

    fn good() -> Vec<Seen> {
        round(9, vec![probed(YES), probed(NO)], vec![probed(NO), probed(YES)])
    }

    #[test]
    fn no_and_yes_again_passes() {
        let judgement = run("", vec![good()]);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    }

    #[test]
    fn two_of_three_decide() {
        let lies = || round(9, vec![probed(YES)], vec![probed(YES)]);
        let judgement = run("", vec![lies(), lies(), lies()]);
        assert_eq!(
            (judgement.verdict(), judgement.findings[0].cause.as_str()),
            (Verdict::Fail, STAYS_READY)
        );
        assert_eq!(judgement.findings[0].seen, Some((3, 3)));
        assert_eq!(run("", vec![lies(), good()]).verdict(), Verdict::Pass);
        assert_eq!(run("", vec![lies()]).verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn not_coming_back_and_dying_are_told_apart() {
        let stuck = || round(9, vec![probed(NO)], vec![probed(NO)]);
        let judgement = run("", vec![stuck(), stuck()]);
        assert_eq!(judgement.findings[0].cause, NO_RECOVERY);
        let judgement = run("", vec![round(9, vec![probed(NO), exited(1)], vec![])]);
        assert_eq!(judgement.findings[0].cause, DIES);
    }

    #[test]
    fn a_fault_that_could_not_land_proves_nothing() {
        let judgement = run("", vec![round(0, vec![probed(YES)], vec![probed(YES)])]);
        assert_eq!(judgement.verdict(), Verdict::Inconclusive);
        assert!(judgement.summary.contains("{db.url}"), "{}", judgement.summary);
    }

    #[test]
    fn a_declared_choice_turns_the_promise_round() {
        let yes = || round(9, vec![probed(YES)], vec![probed(YES)]);
        assert_eq!(run("on_loss = \"ready\"", vec![yes()]).verdict(), Verdict::Pass);
        assert_eq!(
            run("on_loss = \"ready\"", vec![good(), good()]).findings[0].cause,
            GOES_UNREADY
        );
    }

    #[test]
    fn silence_counts_as_no_and_is_noted() {
        let judgement = run("", vec![round(9, vec![probed(Probe::TimedOut)], vec![probed(YES)])]);
        assert_eq!(judgement.verdict(), Verdict::Pass);
        assert_eq!(judgement.findings[0].cause, "unready-by-silence");
    }
}
