//! Experimental features are off unless turned on; a required flag that is off refuses.

use async_trait::async_trait;
use lab::{Bench, LabError};
use model::{Account, Applicability, Card, Classes, Finding, Lane, Observation, Reach, Ruling};
use settings::Manifest;
use settings::controls::Flag;

use crate::control::{Applies, Control};
use crate::surface::feature::{self, FEATURE, Feature, Variant};

use crate::trials::by_trial;

pub(crate) struct FeatureFlags;

static CARD: Card = Card {
    id: "feature-flags",
    applicability: Applicability::Declared,
    reach: Reach::Lab,
    lane: Lane::Shared,
    disturbs: "nothing but its own instances",
    budget: 3,
    decided_by: &[],
    page: include_str!("feature_flags.md"),
};

#[async_trait]
impl Control for FeatureFlags {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn applies(&self, manifest: &Manifest) -> Applies {
        if manifest.controls.feature_flags.flags.is_empty() {
            Applies::No("no flag is declared: [controls.feature-flags.flags.NAME]".into())
        } else {
            Applies::Yes
        }
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        for (name, flag) in &bench.manifest().controls.feature_flags.flags {
            let feature = Feature {
                name,
                variable: &flag.variable,
                request: flag.request.as_deref(),
                journey: flag.journey.as_deref(),
            };
            let values = [
                (ON, Some(&*flag.on)),
                (OFF, Some(&*flag.off)),
                (UNSET, None),
                (ODD, Some(NEITHER)),
            ];
            let variants = values.map(|(method, value)| Variant { method, value, tours: false });
            feature::prove(bench, feature, &variants).await?;
        }
        Ok(())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        let flags = &manifest.controls.feature_flags.flags;
        let classes = &manifest.classes();
        let words = ("flag", "flags that are off unless turned on");
        let asks =
            flags.iter().map(|(name, one)| (name, one.request.is_some() || one.journey.is_some()));
        let account = feature::account(seen, classes, asks, &[ON, OFF, UNSET, ODD]);
        (account, feature::judge(flags, words, |name, flag| about(name, flag, seen, classes)))
    }
}

const ON: &str = "on";
const OFF: &str = "off";
const UNSET: &str = "unset";
const ODD: &str = "odd";
/// A value that means neither yes nor no.
const NEITHER: &str = "banana";

fn about(
    name: &str,
    flag: &Flag,
    seen: &[Observation],
    classes: &Classes,
) -> Result<Vec<Finding>, Ruling> {
    let trials = by_trial(seen);
    let control = trials.iter().find(|trial| trial.subject == name && trial.method == ON);
    if flag.required && control.is_none_or(|trial| trial.ready().is_none()) {
        let why = format!("with {}={} it does not start either", flag.variable, flag.on);
        return Err(Ruling::undecided(why));
    }
    if !flag.required {
        let on = feature::answers(seen, classes, name, ON)?;
        let used = on.labelled(FEATURE).last();
        if used.is_none_or(|answer| !answer.is_success()) {
            let found = used.map_or("was not asked for".to_owned(), |a| a.outcome.words());
            let why = format!(
                "with {}={} the feature {found}, so its absence proves nothing",
                flag.variable, flag.on
            );
            return Err(Ruling::undecided(why));
        }
    }
    let mut findings = Vec::new();
    for (method, cause, how) in [
        (UNSET, "on-by-default", format!("without {}", flag.variable)),
        (OFF, "cannot-be-turned-off", format!("with {}={}", flag.variable, flag.off)),
        (ODD, "anything-turns-it-on", format!("with {}={NEITHER}", flag.variable)),
    ] {
        let Some(trial) = trials.iter().find(|t| t.subject == name && t.method == method) else {
            continue;
        };
        if flag.required {
            if method != ODD && trial.ready().is_some() {
                let text = format!("{how} it starts, although it needs the feature");
                let mend = "check the flag at the start, and exit with a message that names it";
                findings.push(Finding::fail("starts-without", text).about(name).fix(mend));
            }
            continue;
        }
        if let Some(broken) = trial.broken() {
            // A value that means nothing may be refused; the others may not.
            if method != ODD {
                let text = format!("{how} {}", broken.witness(trial));
                let mend = "leave the feature out when the flag is off; the rest must start";
                findings.push(Finding::fail("does-not-start", text).about(name).fix(mend));
            }
            continue;
        }
        let surface = feature::answers(seen, classes, name, method)?;
        let Some(answer) = surface.labelled(FEATURE).last() else { continue };
        let text = format!("{how}, {} {}", answer.asked(), answer.outcome.words());
        let mend = "compare with the one value that turns it on; everything else is off";
        if answer.is_success() {
            findings.push(Finding::fail(cause, text).about(name).fix(mend).request(answer.curl()));
        } else if answer.status() != Some(flag.status) {
            let text = format!("{text}, expected {}", flag.status);
            let mend = "answer as if the feature were not there: 404, or what the manifest says";
            let finding = Finding::fail("wrong-status", text).about(name).fix(mend);
            findings.push(finding.request(answer.curl()));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn run(unset: u16, off: u16, odd: u16) -> model::Judgement {
        let text = "[environment.BETA]\nvalue = \"false\"\nrequired = false\n\
                    [controls.feature-flags.flags.beta]\nvariable = \"BETA\"\nrequest = \
                    \"GET /beta\"\n";
        let mut seen = Vec::new();
        for (method, status) in [(ON, 200), (OFF, off), (UNSET, unset), (ODD, odd)] {
            seen.extend(on("beta", method, vec![answer(FEATURE, "GET /beta", status)]));
        }
        FeatureFlags.judged(&manifest(text), &seen)
    }

    #[test]
    fn off_unless_turned_on() {
        assert_eq!(run(404, 404, 404).verdict(), Verdict::Pass);
        for (statuses, cause) in [
            ((200, 404, 404), "on-by-default"),
            ((404, 200, 404), "cannot-be-turned-off"),
            ((404, 404, 200), "anything-turns-it-on"),
            ((500, 404, 404), "wrong-status"),
        ] {
            let (unset, off, odd) = statuses;
            assert_eq!(run(unset, off, odd).findings[0].cause, cause);
        }
    }
}
