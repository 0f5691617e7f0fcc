//! A switch turns its feature off with 503 and its own code, and nothing else.

use async_trait::async_trait;
use lab::{Bench, LabError};
use model::{
    Account, Answer, Applicability, Card, Classes, Finding, Lane, Observation, Reach, Ruling,
};
use settings::Manifest;
use settings::controls::Switch;

use crate::control::{Applies, Control};
use crate::surface::Surface;
use crate::surface::feature::{self, FEATURE, Feature, Variant};
use crate::surface::tour::TOUR;
use crate::trials::by_trial;

pub(crate) struct KillSwitches;

static CARD: Card = Card {
    id: "kill-switches",
    applicability: Applicability::Declared,
    reach: Reach::Lab,
    lane: Lane::Shared,
    disturbs: "nothing but its own instances",
    budget: 3,
    decided_by: &[],
    page: include_str!("kill_switches.md"),
};

#[async_trait]
impl Control for KillSwitches {
    fn card(&self) -> &'static Card {
        &CARD
    }

    fn applies(&self, manifest: &Manifest) -> Applies {
        if manifest.controls.kill_switches.switches.is_empty() {
            Applies::No("no switch is declared: [controls.kill-switches.switches.NAME]".into())
        } else {
            Applies::Yes
        }
    }

    async fn prove(&self, bench: &Bench) -> Result<(), LabError> {
        for (name, switch) in &bench.manifest().controls.kill_switches.switches {
            let feature = Feature {
                name,
                variable: &switch.variable,
                request: switch.request.as_deref(),
                journey: switch.journey.as_deref(),
            };
            let variants = [
                Variant { method: ON, value: Some(&switch.on), tours: true },
                Variant { method: OFF, value: Some(&switch.off), tours: true },
                Variant { method: UNSET, value: None, tours: false },
            ];
            feature::prove(bench, feature, &variants).await?;
        }
        Ok(())
    }

    fn rule(&self, manifest: &Manifest, seen: &[Observation]) -> (Account, Ruling) {
        let switches = &manifest.controls.kill_switches.switches;
        let words = ("switch", "switches that turn off their feature only");
        let classes = &manifest.classes();
        let asks = switches
            .iter()
            .map(|(name, one)| (name, one.request.is_some() || one.journey.is_some()));
        let account = feature::account(seen, classes, asks, &[ON, OFF, UNSET]);
        (
            account,
            feature::judge(switches, words, |name, switch| about(name, switch, seen, classes)),
        )
    }
}

const ON: &str = "on";
const OFF: &str = "off";
const UNSET: &str = "unset";

fn about(
    name: &str,
    switch: &Switch,
    seen: &[Observation],
    classes: &Classes,
) -> Result<Vec<Finding>, Ruling> {
    let on = feature::answers(seen, classes, name, ON)?;
    let works = on.labelled(FEATURE).last().is_some_and(Answer::is_success);
    if !works {
        let why = format!(
            "{name} does not work while {} is {:?}, so its absence proves nothing",
            switch.variable, switch.on
        );
        return Err(Ruling::undecided(why));
    }
    let mend = format!(
        "read {} for each request of the feature, and refuse with {}",
        switch.variable, switch.status
    );
    let fail = |cause: &str, text: String| Finding::fail(cause, text).about(name).fix(&mend);
    let trials = by_trial(seen);
    let off_trial = trials.iter().find(|trial| trial.subject == name && trial.method == OFF);
    if let Some(broken) = off_trial.and_then(|trial| Some((trial, trial.broken()?))) {
        let text =
            format!("with {}={} {}", switch.variable, switch.off, broken.1.witness(broken.0));
        return Ok(vec![fail("does-not-start", text)]);
    }
    let off = feature::answers(seen, classes, name, OFF)?;
    let mut findings = Vec::new();
    let Some(answer) = off.labelled(FEATURE).last() else {
        return Err(Ruling::undecided(format!("{name} was not asked for while it was off")));
    };
    let what = format!(
        "{}={}: {} {}",
        switch.variable,
        switch.off,
        answer.asked(),
        answer.outcome.words()
    );
    let code = switch.code.clone().unwrap_or_else(|| format!("{name}_unavailable"));
    if answer.is_success() {
        findings.push(fail("still-on", what).request(answer.curl()));
    } else if answer.status() != Some(switch.status) {
        findings.push(
            fail("wrong-status", format!("{what}, expected {}", switch.status))
                .request(answer.curl()),
        );
    } else if !answer.body.contains(&code) {
        let found: String = answer.body.chars().take(80).collect();
        findings.push(
            fail("wrong-code", format!("{what}; expected the code {code:?}, found {found:?}"))
                .request(answer.curl()),
        );
    }
    findings.extend(others(&on, &off, answer.path()).map(|(before, after)| {
        let text = format!(
            "{} answered {} while it was on, and {} now",
            before.asked(),
            before.status().unwrap_or(0),
            after.outcome.words()
        );
        fail("breaks-others", text).request(after.curl())
    }));
    if let Ok(unset) = feature::answers(seen, classes, name, UNSET)
        && unset.labelled(FEATURE).last().is_some_and(|answer| !answer.is_success())
    {
        let text = format!("without {} the feature is off", switch.variable);
        findings.push(fail("off-by-default", text));
    }
    Ok(findings)
}

/// The first request of another route that succeeded while the feature was on and fails now.
fn others<'a>(
    on: &Surface<'a>,
    off: &Surface<'a>,
    feature: &str,
) -> Option<(&'a Answer, &'a Answer)> {
    let (on, off) = (numbered(on), numbered(off));
    on.into_iter().filter(|(_, before)| before.is_success() && before.path() != feature).find_map(
        |(key, before)| {
            let (_, after) = off.iter().find(|(other, _)| *other == key)?;
            // What its journey expects is as it should be, whatever it is.
            let fine = after.is_success() || after.as_expected == Some(true);
            (!fine).then_some((before, *after))
        },
    )
}

/// Each answer of the tour with what it is the answer to: a switch may shorten a journey, so places
/// do not tell. Numbers in paths differ between two walks.
fn numbered<'a>(surface: &Surface<'a>) -> Vec<((String, usize), &'a Answer)> {
    let mut seen: Vec<((String, usize), &Answer)> = Vec::new();
    for answer in surface.labelled(TOUR) {
        let path = answer.path().chars().map(|c| if c.is_ascii_digit() { '0' } else { c });
        let what = format!("{} {}", answer.request.method, path.collect::<String>());
        let before = seen.iter().filter(|((known, _), _)| *known == what).count();
        seen.push(((what, before), answer));
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surface::judging::build::*;
    use model::Verdict;

    fn run(off: Answer, other: u16) -> model::Judgement {
        let text = "[environment.CHAT]\nvalue = \"true\"\nrequired = false\n\
                    [controls.kill-switches.switches.chat]\nvariable = \"CHAT\"\nrequest = \
                    \"GET /chat\"\n";
        let good = || answer(FEATURE, "GET /chat", 200);
        let mut seen = on("chat", ON, vec![good(), answer("tour", "GET /a", 200)]);
        seen.extend(on("chat", OFF, vec![off, answer("tour", "GET /a", other)]));
        seen.extend(on("chat", UNSET, vec![good()]));
        KillSwitches.judged(&manifest(text), &seen)
    }

    #[test]
    fn a_switch_turns_off_its_feature_only() {
        let refused = answer(FEATURE, "GET /chat", 503).json(r#"{"code":"chat_unavailable"}"#);
        assert_eq!(run(refused.clone(), 200).verdict(), Verdict::Pass);
        assert_eq!(run(refused, 503).findings[0].cause, "breaks-others");
    }

    #[test]
    fn a_switch_that_shortens_a_journey_breaks_nothing() {
        let text = "[environment.CHAT]\nvalue = \"true\"\nrequired = false\n\
                    [controls.kill-switches.switches.chat]\nvariable = \"CHAT\"\nrequest = \
                    \"GET /chat\"\n";
        let good = || answer(FEATURE, "GET /chat", 200);
        let tour = |target: &str, status| answer("tour", target, status);
        let refused = answer(FEATURE, "GET /chat", 503).json(r#"{"code":"chat_unavailable"}"#);
        let mut expected = tour("DELETE /sessions", 401);
        expected.as_expected = Some(true);
        let mut seen = on(
            "chat",
            ON,
            vec![good(), tour("GET /chat", 200), tour("GET /orders/17", 200), expected.clone()],
        );
        seen.extend(on("chat", OFF, vec![refused, tour("GET /orders/18", 200), expected]));
        seen.extend(on("chat", UNSET, vec![good()]));
        let judgement = KillSwitches.judged(&manifest(text), &seen);
        assert_eq!(judgement.verdict(), Verdict::Pass, "{judgement:?}");
    }

    #[test]
    fn each_break_has_its_cause() {
        for (off, cause) in [
            (answer(FEATURE, "GET /chat", 200), "still-on"),
            (answer(FEATURE, "GET /chat", 404), "wrong-status"),
            (answer(FEATURE, "GET /chat", 503).json("{}"), "wrong-code"),
        ] {
            assert_eq!(run(off, 200).findings[0].cause, cause);
        }
    }
}
