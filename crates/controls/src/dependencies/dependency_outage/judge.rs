//! What follows from the requests before, during and after an outage.

use std::time::Duration;

use model::{Account, Classes, Finding, Need, Observation, Outcome, Ruling, Seen, Severity, Tally};
use settings::{DependencyKind, Manifest};

use super::LOSSES;
use crate::outage::{AFTER, CONTROL, DURING, Loss};
use crate::trials::{Trial, by_trial, merged, time, words_of_end};

/// Faults during which a request met them that had needed the dependency before.
pub(super) fn account(manifest: &Manifest, trials: &[Trial<'_>]) -> Account {
    let mut tally = Tally::of("faults");
    tally.plan(manifest.dependencies.values().filter(|d| d.critical).count() * LOSSES.len());
    let mut pairs: Vec<_> = trials.iter().map(|trial| (trial.subject, trial.method)).collect();
    pairs.dedup();
    let classes = manifest.classes();
    let mut requests = Tally::of("requests during a fault");
    for (name, word) in pairs {
        let rounds = trials.iter().filter(|t| t.subject == name && t.method == word);
        let rounds: Vec<_> = rounds.map(|trial| Round::read(trial, &classes)).collect();
        rounds.iter().flat_map(|round| &round.during).for_each(|_| requests.landed());
        let landed = rounds.iter().any(|round| round.landed() && round.trial.faults() > 0);
        tally.tried(if landed { Ok(()) } else { Err("met no request".to_owned()) });
    }
    Account::default().with(tally, Need::All).with(requests, Need::Told)
}

/// Whether work went on after the outage, so that no further round is needed: or nothing was tried.
pub(super) fn came_back(manifest: &Manifest, seen: &[Observation]) -> bool {
    let (classes, trials) = (manifest.classes(), by_trial(seen));
    let rounds = trials.iter().map(|trial| Round::read(trial, &classes));
    rounds.filter(Round::landed).all(|round| round.recovered.is_some())
}

pub(super) fn judge(manifest: &Manifest, trials: &[Trial<'_>]) -> Ruling {
    let classes = manifest.classes();
    let rounds: Vec<_> = trials.iter().map(|trial| Round::read(trial, &classes)).collect();
    if let Some(why) = nothing_to_judge(trials, &rounds) {
        return Ruling::undecided(why);
    }
    let mut findings = Vec::new();
    let mut undecided = Vec::new();
    let mut pairs: Vec<_> = trials.iter().map(|trial| (trial.subject, trial.method)).collect();
    pairs.dedup();
    for (name, word) in &pairs {
        let same: Vec<_> = rounds
            .iter()
            .filter(|round| round.trial.subject == *name && round.trial.method == *word)
            .filter(|round| round.landed())
            .collect();
        if same.is_empty() {
            undecided.push(format!("nothing could be tried while {name} was {word}"));
            continue;
        }
        let case = Case { manifest, name, word, rounds: &same };
        findings.extend(case.crashes().or_else(|| case.dropped()));
        findings.extend(case.hangs());
        findings.extend(case.statuses());
        undecided.extend(case.accepted_all_the_same());
        match case.no_recovery() {
            Some(finding) if finding.severity == Severity::Fail => findings.push(finding),
            Some(finding) => {
                undecided.push(format!("{} (seen once; a second run decides)", finding.witness));
            }
            None => {}
        }
    }
    let failed = findings.iter().any(|finding| finding.severity == Severity::Fail);
    if !failed && !undecided.is_empty() {
        return Ruling::undecided(undecided.join("; ")).with(findings);
    }
    let longest = rounds.iter().flat_map(|round| &round.during).map(|(_, took)| *took).max();
    let back = rounds.iter().filter_map(|round| round.recovered).max();
    let held = format!(
        "answered within {} through {} faults, back within {}",
        time(longest.unwrap_or_default()),
        pairs.len(),
        time(back.unwrap_or_default())
    );
    Ruling::from_findings(held, merged(findings))
}

/// One outage.
struct Round<'a> {
    trial: &'a Trial<'a>,
    control: Option<u16>,
    request: &'a str,
    /// The control request went to the dependency.
    used: bool,
    during: Vec<(&'a Outcome, Duration)>,
    healed: bool,
    /// From the return of the dependency to the first answer as before.
    recovered: Option<Duration>,
    died: bool,
}

impl<'a> Round<'a> {
    fn read(trial: &'a Trial<'a>, classes: &Classes) -> Self {
        let limited =
            |outcome: &Outcome| outcome.status().is_some_and(|s| classes.limited.contains(&s));
        let mut round = Self {
            trial,
            control: None,
            request: "",
            used: false,
            during: Vec::new(),
            healed: false,
            recovered: None,
            died: false,
        };
        let (mut before, mut healed) = (None, None);
        for observation in &trial.seen {
            match &observation.seen {
                Seen::Traffic { up, .. } => match before {
                    None => before = Some(*up),
                    Some(before) if healed.is_none() && !round.used => round.used = *up > before,
                    Some(_) => {}
                },
                Seen::FaultHealed { .. } => healed = Some(observation.at),
                Seen::Exited { .. } => round.died = true,
                // The service's own limiter says nothing about the dependency.
                Seen::Exchanged { outcome, .. } if limited(outcome) => {}
                Seen::Exchanged { client, request, outcome, took_us: took, .. } => {
                    match client.as_str() {
                        CONTROL => {
                            round.control = outcome.status().filter(|status| *status < 400);
                            round.request = request;
                        }
                        DURING => round.during.push((outcome, Duration::from_micros(*took))),
                        AFTER if outcome.status() == round.control => {
                            let since = observation.at.saturating_sub(healed.unwrap_or_default());
                            round.recovered.get_or_insert(Duration::from_micros(since));
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        round.healed = healed.is_some();
        round
    }

    fn landed(&self) -> bool {
        self.trial.ready().is_some()
            && self.control.is_some()
            && self.used
            && !self.during.is_empty()
    }
}

fn nothing_to_judge(trials: &[Trial<'_>], rounds: &[Round<'_>]) -> Option<String> {
    if trials.is_empty() {
        return Some("no outage was tried".to_owned());
    }
    let failure = trials.iter().flat_map(|trial| &trial.seen).find_map(|seen| match &seen.seen {
        Seen::Walked { journey, failure: Some(failure), .. } => Some((journey, failure)),
        _ => None,
    });
    if let Some((journey, failure)) = failure {
        return Some(format!(
            "the journey {journey} does not pass on the healthy service: {failure}"
        ));
    }
    if rounds.iter().any(Round::landed) {
        return None;
    }
    if let Some(broken) = trials.iter().find_map(Trial::broken) {
        return Some(format!("it did not become ready ({})", broken.cause()));
    }
    let round = rounds.iter().find(|round| round.control.is_some())?;
    Some(format!(
        "{} was answered without a byte to {}: declare a request that needs it, with \
         [controls.dependency-outage] request = \"GET /…\"",
        round.request, round.trial.subject
    ))
}

/// One dependency under one fault.
struct Case<'a> {
    manifest: &'a Manifest,
    name: &'a str,
    word: &'a str,
    rounds: &'a [&'a Round<'a>],
}

impl<'a> Case<'a> {
    fn what(&self) -> String {
        format!("while {} was {}, {}", self.name, self.word, self.rounds[0].request)
    }

    fn during(&self) -> impl Iterator<Item = &(&'a Outcome, Duration)> {
        self.rounds.iter().flat_map(|round| &round.during)
    }

    fn fail(&self, cause: &str, witness: String, mend: &str) -> Finding {
        let first = self.rounds[0].trial;
        let finding = Finding::fail(cause, witness).about(self.name).fix(mend);
        finding.log(first.few_lines()).trial(first.name())
    }

    fn crashes(&self) -> Option<Finding> {
        let died = self.rounds.iter().filter(|round| round.died).count();
        let after = self.rounds.iter().find_map(|round| round.trial.ended_under_fault());
        let text = words_of_end(self.name, self.word, after);
        let mend =
            "handle the loss of a connection: a dependency's restart must not end the service";
        (died > 0).then(|| self.fail("crashes", text, mend).seen(died, self.rounds.len()))
    }

    /// Accepted and not answered.
    fn dropped(&self) -> Option<Finding> {
        let is_drop = |outcome: &Outcome| {
            matches!(outcome, Outcome::Closed { .. } | Outcome::Reset { .. } | Outcome::NotHttp)
        };
        let dropped: Vec<_> = self.during().filter(|(outcome, _)| is_drop(outcome)).collect();
        let (outcome, _) = dropped.first()?;
        let text = format!("{} – the service {}", self.what(), outcome.words());
        let mend = "answer 503 with Retry-After from one place that catches every error";
        Some(self.fail("dropped", text, mend).seen(dropped.len(), self.during().count()))
    }

    /// A matter of time: two requests of those that met the fault.
    fn hangs(&self) -> Option<Finding> {
        let limit = self.manifest.controls.dependency_outage.within.0;
        let late: Vec<_> = self.during().filter(|(_, took)| *took > limit).collect();
        let (outcome, took) = late.iter().max_by_key(|(_, took)| *took)?;
        let text = format!(
            "{} {} after {}, the limit is {}",
            self.what(),
            outcome.words(),
            time(*took),
            time(limit)
        );
        let mend = "give every wait a limit: for a connection from the pool, for connecting, and \
                    for each answer";
        let of = self.during().count();
        Some(if late.len() >= 2 {
            self.fail("hangs", text, mend).seen(late.len(), of)
        } else {
            Finding::warn("late-once", text).about(self.name).seen(late.len(), of)
        })
    }

    fn statuses(&self) -> Option<Finding> {
        let promised = &self.manifest.controls.dependency_outage.status;
        let control = self.rounds[0].control;
        let errors = || {
            self.during()
                .filter_map(|(outcome, _)| outcome.status())
                .filter(|s| Some(*s) != control)
        };
        if !promised.is_empty() {
            let wrong: Vec<_> = errors().filter(|status| !promised.contains(status)).collect();
            let status = wrong.first()?;
            let text = format!("{} was answered {status}, promised is {promised:?}", self.what());
            let mend = "map every failure of a dependency to the promised answer, in one place";
            return Some(
                self.fail("wrong-status", text, mend).seen(wrong.len(), self.during().count()),
            );
        }
        let again = [429, 502, 503, 504];
        let status = errors().find(|status| !again.contains(status))?;
        let text = format!("{} was answered {status}", self.what());
        let mend = "503 with Retry-After tells clients and proxies that trying again helps";
        Some(Finding::warn("not-try-again", text).about(self.name).fix(mend))
    }

    /// Something that changes data was accepted as before while the system of record refused every
    /// connection: nothing says that it was kept.
    fn accepted_all_the_same(&self) -> Option<String> {
        let kind = self.manifest.dependencies.get(self.name)?.kind;
        let keeps =
            !matches!(kind, DependencyKind::Redis | DependencyKind::Smtp | DependencyKind::Tcp);
        let control = self.rounds[0].control;
        let writes = !self.rounds[0].request.starts_with("GET ");
        let refused = self.word == Loss::Refused.word();
        let all = self.during().all(|(outcome, _)| outcome.status() == control);
        (keeps && writes && refused && all).then(|| {
            format!(
                "{} was answered {} as before: nothing says that what it accepted was kept; declare \
                 a request that reads, [controls.dependency-outage] request = \"GET /…\", or call \
                 {} not critical",
                self.what(),
                control.unwrap_or_default(),
                self.name
            )
        })
    }

    /// A matter of time: two rounds.
    fn no_recovery(&self) -> Option<Finding> {
        let lived: Vec<_> =
            self.rounds.iter().filter(|round| !round.died && round.healed).collect();
        let stuck = lived.iter().filter(|round| round.recovered.is_none()).count();
        if stuck == 0 {
            return None;
        }
        let limit = self.manifest.controls.dependency_outage.recover_within.0;
        let text = format!(
            "{} was {} and came back, and {} was not answered as before within {}",
            self.name,
            self.word,
            self.rounds[0].request,
            time(limit)
        );
        let mend =
            "validate pooled connections, give every query a time-out, and throw hung ones away";
        if stuck >= 2 {
            return Some(self.fail("no-recovery", text, mend).seen(stuck, lived.len()));
        }
        (lived.len() == 1).then(|| Finding::warn("no-recovery", text).about(self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trials::build::*;
    use crate::trials::by_trial;
    use model::Verdict;

    fn exchanged(client: &str, outcome: Outcome, millis: u64) -> Seen {
        let (client, request) = (client.into(), "POST /orders".into());
        Seen::Exchanged { client, request, outcome, took_us: millis * 1000, reused: 0 }
    }

    fn answered(status: u16) -> Outcome {
        Outcome::Answered { status }
    }

    fn traffic(bytes: u64) -> Seen {
        Seen::Traffic { dependency: "db".into(), connections: 1, up: bytes, down: bytes }
    }

    fn round(used: u64, during: Vec<(Outcome, u64)>, after: Vec<Outcome>) -> Vec<Seen> {
        let mut seen = vec![started(), ready(50), traffic(100)];
        seen.push(exchanged("control", answered(201), 3));
        seen.extend([
            traffic(100 + used),
            Seen::FaultSet { dependency: "db".into(), fault: "refused".into() },
        ]);
        seen.extend(during.into_iter().map(|(outcome, took)| exchanged("during", outcome, took)));
        seen.push(Seen::FaultHealed { dependency: "db".into() });
        seen.extend(after.into_iter().map(|outcome| exchanged("after", outcome, 3)));
        seen
    }

    fn run(settings: &str, rounds: Vec<Vec<Seen>>) -> model::Judgement {
        let text = format!(
            "[service]\nname = \"a\"\nstart = \"a --port {{port}}\"\n[dependencies.db]\n\
             kind = \"postgres\"\n[controls.dependency-outage]\n{settings}\n"
        );
        let manifest = settings::parse(&text).expect("it is good").manifest;
        let all: Vec<_> = rounds
            .into_iter()
            .enumerate()
            .flat_map(|(at, seen)| trial(&format!("db/refused/{}", at + 1), "db", "refused", seen))
            .collect();
        concluded(judge(&manifest, &by_trial(&all)))
    }

    fn clean() -> Vec<(Outcome, u64)> {
        vec![(answered(503), 20); 4]
    }

    fn cause(judgement: &model::Judgement) -> &str {
        assert_eq!(judgement.verdict(), Verdict::Fail, "{judgement:?}");
        &judgement.findings[0].cause
    }

    #[test]
    fn fast_and_clean_passes() {
        let judgement = run("", vec![round(50, clean(), vec![answered(503), answered(201)])]);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
        assert_eq!(judgement.findings, []);
    }

    #[test]
    fn each_way_of_failing_has_its_cause() {
        let back = || vec![answered(201)];
        let hung = vec![(Outcome::TimedOut { received: 0 }, 7000); 4];
        assert_eq!(cause(&run("", vec![round(50, hung, back())])), "hangs");
        let dropped = vec![(Outcome::Closed { received: 0 }, 5), (answered(503), 5)];
        assert_eq!(cause(&run("", vec![round(50, dropped, back())])), "dropped");
        let mut died = round(50, vec![(Outcome::Reset { received: 0 }, 5)], vec![]);
        died.push(exited(1));
        assert_eq!(cause(&run("", vec![died])), "crashes");
        let stuck = || round(50, clean(), vec![answered(503)]);
        assert_eq!(cause(&run("", vec![stuck(), stuck()])), "no-recovery");
        assert_eq!(run("", vec![stuck()]).verdict(), Verdict::Inconclusive);
        let other = || vec![(answered(500), 5)];
        assert_eq!(cause(&run("status = [503]", vec![round(50, other(), back())])), "wrong-status");
        let judgement = run("", vec![round(50, other(), back())]);
        assert_eq!(
            (judgement.verdict(), judgement.findings[0].severity),
            (Verdict::Pass, Severity::Warn)
        );
    }

    #[test]
    fn a_write_that_is_accepted_while_the_database_is_away_decides_nothing() {
        let accepted = vec![(answered(201), 5); 4];
        let judgement = run("", vec![round(50, accepted, vec![answered(201)])]);
        assert_eq!(judgement.verdict(), Verdict::Inconclusive, "{judgement:?}");
        assert!(
            judgement.summary.contains("POST /orders was answered 201 as before"),
            "{judgement:?}"
        );
    }

    #[test]
    fn a_missing_log_in_is_no_work() {
        let mut seen = round(50, clean(), vec![answered(401)]);
        for seen in &mut seen {
            if let Seen::Exchanged { client, outcome, .. } = seen
                && client == "control"
            {
                *outcome = answered(401);
            }
        }
        assert_eq!(run("", vec![seen]).verdict(), Verdict::Inconclusive);
    }

    #[test]
    fn one_late_answer_is_a_warning() {
        let mut during = clean();
        during[0].1 = 6000;
        let judgement = run("", vec![round(50, during, vec![answered(201)])]);
        assert_eq!(judgement.verdict(), Verdict::Pass);
        assert_eq!(judgement.findings[0].cause, "late-once");
    }

    #[test]
    fn a_request_that_does_not_need_it_proves_nothing() {
        let judgement = run("", vec![round(0, vec![(answered(201), 3)], vec![answered(201)])]);
        assert_eq!(judgement.verdict(), Verdict::Inconclusive);
        assert!(judgement.summary.contains("without a byte to db"), "{}", judgement.summary);
    }
}
