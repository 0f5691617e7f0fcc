//! What follows from the starts.

use std::collections::BTreeMap;

use model::{Account, Finding, Need, Ruling, Severity, Tally};
use settings::{DependencyKind, Expectation, Manifest, VariableType};

use super::BASELINE;
use super::cases::{Case, carries_the_port, cases, expectation};
use crate::trials::{Broken, Trial};

/// Starts with a variable missing or wrong that came to something.
pub(super) fn account(manifest: &Manifest, trials: &[Trial<'_>]) -> Account {
    let mut baseline = Tally::of("starts with everything in place");
    baseline.plan(1);
    for trial in trials.iter().filter(|trial| trial.subject == BASELINE) {
        baseline.tried(trial.came_to_something());
    }
    let mut starts = Tally::of("starts with a variable missing or wrong");
    let promises = |case: &&Case| case.expected != Expectation::Any;
    starts.plan(cases(manifest).iter().filter(promises).count());
    for (variable, method) in pairs(trials) {
        if expectation(manifest, variable, method) == Expectation::Any {
            continue;
        }
        let first = trials.iter().find(|t| t.subject == variable && t.method == method);
        if let Some(trial) = first {
            starts.tried(trial.came_to_something());
        }
    }
    Account::default().with(baseline, Need::All).with(starts, Need::All)
}

pub(super) fn judge(manifest: &Manifest, trials: &[Trial<'_>]) -> Ruling {
    let Some(baseline) = trials.iter().find(|trial| trial.subject == BASELINE) else {
        return Ruling::undecided("it was never started");
    };
    if let Some(broken) = baseline.broken() {
        let why = format!(
            "with everything in place it did not become ready ({}), so a refusal would prove nothing",
            broken.cause()
        );
        let finding = Finding::warn(broken.cause(), broken.witness(baseline))
            .fix(broken.fix())
            .log(baseline.last_lines());
        return Ruling::undecided(why).with(vec![finding]);
    }
    let mut findings = Vec::new();
    let mut undecided = Vec::new();
    let mut tried = 0;
    for (variable, method) in pairs(trials) {
        let rounds: Vec<_> =
            trials.iter().filter(|t| t.subject == variable && t.method == method).collect();
        let expected = expectation(manifest, variable, method);
        if expected == Expectation::Any
            || rounds.iter().all(|trial| trial.broken().is_none() && trial.ready().is_none())
        {
            continue;
        }
        tried += 1;
        let case = Judged { manifest, trials, variable, method, rounds: &rounds };
        match case.judge(expected) {
            Outcome::Held => {}
            Outcome::Finding(finding) => findings.push(*finding),
            Outcome::Undecided(why) => undecided.push(why),
        }
    }
    findings.extend(printed(manifest, trials));
    if tried == 0 {
        return Ruling::undecided("no variable promises anything that could be tried");
    }
    let failed = findings.iter().any(|finding| finding.severity == Severity::Fail);
    if !failed && !undecided.is_empty() {
        return Ruling::undecided(undecided.join("; ")).with(findings);
    }
    let variables =
        pairs(trials).map(|(variable, _)| variable).collect::<std::collections::BTreeSet<_>>();
    let held = format!(
        "{tried} starts with a variable missing or wrong went as promised ({} variables)",
        variables.len()
    );
    findings.extend(undecided.into_iter().map(|why| Finding::note("undecided", why)));
    Ruling::from_findings(held, findings)
}

/// Each variable and way once, in the order in which they were tried.
fn pairs<'a>(trials: &'a [Trial<'a>]) -> impl Iterator<Item = (&'a str, &'a str)> {
    let mutated = trials.iter().filter(|trial| trial.subject != BASELINE && trial.round == 1);
    mutated.map(|trial| (trial.subject, trial.method))
}

enum Outcome {
    Held,
    Finding(Box<Finding>),
    Undecided(String),
}

struct Judged<'a> {
    manifest: &'a Manifest,
    trials: &'a [Trial<'a>],
    variable: &'a str,
    method: &'a str,
    rounds: &'a [&'a Trial<'a>],
}

impl Judged<'_> {
    fn judge(&self, expected: Expectation) -> Outcome {
        match expected {
            Expectation::Refuses => self.refuses(),
            Expectation::Warns => self.starts(true),
            Expectation::Starts => self.starts(false),
            Expectation::Any => Outcome::Held,
        }
    }

    fn first(&self) -> &Trial<'_> {
        self.rounds[0]
    }

    fn fail(&self, cause: &str, witness: &str, mend: &str) -> Outcome {
        let finding = Finding::fail(cause, format!("{}: {witness}", self.method))
            .about(self.variable)
            .fix(mend)
            .log(self.first().few_lines())
            .trial(self.first().name());
        Outcome::Finding(Box::new(finding))
    }

    fn refuses(&self) -> Outcome {
        let trial = self.first();
        let started = trial.ready().is_some() || trial.listens_elsewhere().is_some();
        let undone = self.rounds.iter().find_map(|trial| trial.mutation_undone());
        if let Some(how) = undone.filter(|_| started || trial.exit().is_none()) {
            let (variable, method) = (self.variable, self.method);
            return Outcome::Undecided(format!(
                "{variable} {method}: it cannot be said that this took effect, because {how}"
            ));
        }
        if trial.ready().is_some() {
            return self.fail(
                "started",
                "it started and answered ready instead of refusing",
                "check every variable before anything else starts, and exit with a message that names it",
            );
        }
        match trial.broken() {
            Some(Broken::Exited { code: Some(0), .. }) => self.fail(
                "exited-zero",
                "it exited with code 0, which tells a supervisor that all is well",
                "exit with another code than 0 when the configuration is wrong",
            ),
            Some(Broken::Exited { .. }) => self.refused(),
            Some(broken) if broken.is_of_time() => self.waited(&broken),
            Some(broken) => self.fail(broken.cause(), &broken.witness(trial), broken.fix()),
            None => {
                Outcome::Undecided(format!("{} {}: it was not started", self.variable, self.method))
            }
        }
    }

    /// It exited with a code other than 0.
    fn refused(&self) -> Outcome {
        let trial = self.first();
        if trial.port_opened() {
            return self.fail(
                "listened-first",
                &format!("it opened its port and then {}", trial.exit_words()),
                "check the configuration before the port is opened: traffic may already come",
            );
        }
        if !self.is_named() {
            return self.fail(
                "unnamed",
                &format!(
                    "it {} but its output does not name {}",
                    trial.exit_words(),
                    self.variable
                ),
                "name the variable in the message, so that whoever is on call need not guess",
            );
        }
        if let Some((None, Some(signal))) = trial.exit() {
            let text = format!(
                "{}: it named {} and crashed with signal {signal}",
                self.method, self.variable
            );
            return Outcome::Finding(Box::new(Finding::warn("crashed", text).about(self.variable)));
        }
        Outcome::Held
    }

    /// It neither refused nor became ready; concluded from waiting, so once is not enough.
    fn waited(&self, broken: &Broken) -> Outcome {
        // Whichever way it did not refuse: by never listening, or by never answering.
        let all = self.rounds.iter().filter_map(|trial| trial.broken());
        let times = all.filter(Broken::is_of_time).count();
        let witness = broken.witness(self.first());
        if times < 2 {
            let (variable, method, of) = (self.variable, self.method, self.rounds.len());
            return Outcome::Undecided(format!(
                "{variable} {method}: {witness} ({}; a second run decides)",
                how_often(times, of)
            ));
        }
        let mend = if self.is_named() {
            "it names the variable in its output: exit with a code other than 0 there, too"
        } else {
            "give up and exit with a message that names the variable"
        };
        match self.fail(broken.cause(), &format!("{witness}; it should have exited"), mend) {
            Outcome::Finding(finding) => {
                Outcome::Finding(Box::new(finding.seen(times, self.rounds.len())))
            }
            other => other,
        }
    }

    fn starts(&self, and_names: bool) -> Outcome {
        let trial = self.first();
        // Its default port may be in use, by another run or by the user's own: it got that far.
        let taken = trial.lines().any(|line| {
            let line = line.to_ascii_lowercase();
            line.contains("eaddrinuse") || line.contains("address already in use")
        });
        let elsewhere = trial.listens_elsewhere().is_some() || taken;
        if elsewhere && carries_the_port(self.manifest, self.variable) {
            return Outcome::Held;
        }
        if let Some(broken) = trial.broken() {
            let mend = "give it a default, or declare required = true (or absent, empty, malformed = \"refuses\")";
            let elsewhere = matches!(broken, Broken::ListensElsewhere { .. });
            if !broken.is_of_time() || elsewhere {
                let witness = format!("it is declared to start, yet {}", broken.witness(trial));
                return self.fail("refused", &witness, mend);
            }
            // Concluded from waiting: the machine may have been slow.
            let waited = self
                .rounds
                .iter()
                .filter(|trial| trial.broken().as_ref().is_some_and(Broken::is_of_time));
            let (times, of) = (waited.count(), self.rounds.len());
            let witness = format!("it is declared to start, yet {}", broken.witness(trial));
            if times < 2 {
                let (variable, method) = (self.variable, self.method);
                return Outcome::Undecided(format!(
                    "{variable} {method}: {witness} ({}; a second run decides)",
                    how_often(times, of)
                ));
            }
            return match self.fail("never-starts", &witness, mend) {
                Outcome::Finding(finding) => Outcome::Finding(Box::new(finding.seen(times, of))),
                other => other,
            };
        }
        if and_names && !self.is_named() {
            let mend = "log a warning that names the variable";
            return self.fail("silent", "it started without a warning that names it", mend);
        }
        Outcome::Held
    }

    /// Whether a line of its output is about this variable. A line that it also writes when all is
    /// well, or when another variable that the line does not name is wrong, is a listing.
    fn is_named(&self) -> bool {
        let mut names = vec![self.variable];
        let declared = self.manifest.environment.get(self.variable);
        names.extend(declared.into_iter().flat_map(|d| d.named.iter().map(String::as_str)));
        let others: Vec<_> = self
            .trials
            .iter()
            .filter(|other| other.subject != self.variable)
            .flat_map(|other| other.lines().map(move |line| (other.subject, unnumbered(line))))
            .collect();
        let about = |line: &str| names.iter().any(|name| has_word(line, name));
        self.first().lines().filter(|line| about(line)).any(|line| {
            let plain = unnumbered(line);
            !others.iter().any(|(subject, other)| *other == plain && !has_word(line, subject))
        })
    }
}

fn how_often(times: usize, of: usize) -> String {
    if of == 1 { "seen once".to_owned() } else { format!("seen {times} of {of} times") }
}

/// A line without its numbers: time stamps and process ids differ between starts.
fn unnumbered(line: &str) -> String {
    line.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Whether a text holds a name as a whole word, in whatever case: frameworks print `jwt_secret`
/// for `JWT_SECRET`.
fn has_word(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(&name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// Secrets that were printed, by any start.
fn printed(manifest: &Manifest, trials: &[Trial<'_>]) -> Vec<Finding> {
    let secrets = manifest.environment.iter().filter(|(_, variable)| variable.is_secret());
    let mut marks: BTreeMap<String, String> =
        secrets.map(|(name, _)| (name.clone(), format!("‹{name}›"))).collect();
    for (name, variable) in &manifest.environment {
        let with_password = [VariableType::PostgresUrl, VariableType::RedisUrl, VariableType::Url];
        let value = variable.value.as_deref().unwrap_or_default();
        for (dependency, declared) in &manifest.dependencies {
            let used = value.contains(&format!("{{{dependency}."));
            if used
                && with_password.contains(&variable.kind)
                && declared.kind != DependencyKind::Redis
            {
                marks.insert(name.clone(), format!("‹{dependency}.password›"));
            }
        }
    }
    marks
        .iter()
        .filter_map(|(name, mark)| {
            let trial =
                trials.iter().find(|trial| trial.lines().any(|line| line.contains(mark)))?;
            let line = trial.lines().find(|line| line.contains(mark))?;
            let when = match trial.subject {
                BASELINE => "with everything in place".to_owned(),
                subject => format!("with {subject} {}", trial.method),
            };
            let witness = format!("{when} it printed the value: {line}");
            let mend = "print the name and what is wrong with the value, never the value";
            Some(Finding::fail("value-printed", witness).about(name).fix(mend))
        })
        .collect()
}

#[cfg(test)]
mod tests;
