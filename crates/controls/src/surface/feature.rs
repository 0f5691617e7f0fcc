//! Features that a variable turns on and off, and that are used by a request or a journey.

use std::collections::BTreeMap;

use lab::{Bench, LabError, Mutation};
use model::{Account, Answer, Classes, Finding, Kind, Need, Observation, Ruling, Seen, Tally};

use crate::surface::tour::TOUR;
use crate::surface::{self, Surface, Tour, Visitor};
use crate::trials::{Trial, by_trial};
use crate::work_request::declared;

/// The label of the request that uses the feature.
pub(crate) const FEATURE: &str = "feature";

/// What turns a feature on and off, and what uses it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Feature<'a> {
    pub(crate) name: &'a str,
    pub(crate) variable: &'a str,
    pub(crate) request: Option<&'a str>,
    pub(crate) journey: Option<&'a str>,
}

/// One start with a value of the variable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variant<'a> {
    /// The method of the trial.
    pub(crate) method: &'static str,
    /// `None`: the variable is not set at all.
    pub(crate) value: Option<&'a str>,
    /// Whether everything else is used too.
    pub(crate) tours: bool,
}

/// Starts the service with each value of the variable, and uses the feature.
pub(crate) async fn prove(
    bench: &Bench,
    feature: Feature<'_>,
    variants: &[Variant<'_>],
) -> Result<(), LabError> {
    for Variant { method, value, tours } in variants {
        bench.progress(format!("{} {method}", feature.name));
        let value = value.map(str::to_owned);
        let mutation = Mutation { variable: feature.variable.to_owned(), value };
        let opened = surface::open(bench, feature.name, method, Some(&mutation)).await?;
        let Some((site, trial)) = opened else { continue };
        let visitor = Visitor::new(bench.manifest(), &site, &trial);
        use_it(bench, &visitor, feature).await;
        if *tours {
            Tour::walk(bench, &visitor).await;
        }
        site.end().await;
    }
    Ok(())
}

/// The starts with each value of each variable, and whether the feature was asked for in them, where
/// something is declared that asks for it.
pub(crate) fn account<'a>(
    seen: &'a [Observation],
    classes: &Classes,
    features: impl Iterator<Item = (&'a String, bool)>,
    methods: &[&str],
) -> Account {
    let trials = by_trial(seen);
    let mut tally = Tally::of("starts with the variable on, off, unset or odd");
    for (name, is_asked_for) in features {
        for method in methods {
            let trial = trials.iter().find(|t| t.subject == name.as_str() && t.method == *method);
            tally.tried(match trial {
                Some(trial) if trial.is_unready() && trial.broken().is_none() => {
                    Err("was not seen to get ready".to_owned())
                }
                Some(trial) if !is_asked_for || trial.broken().is_some() => {
                    trial.came_to_something()
                }
                Some(trial) => asked_for(trial, classes),
                None => Err("never tried".to_owned()),
            });
        }
    }
    let mut others = Tally::of("requests of other features");
    for trial in &trials {
        for observation in &trial.seen {
            match &observation.seen {
                Seen::Answer(answer) if answer.label == TOUR => match classes.kind(answer) {
                    kind @ (Kind::Limited | Kind::Unanswered) => others.missed(kind.words()),
                    _ => others.landed(),
                },
                _ => {}
            }
        }
    }
    Account::default().with(tally, Need::All).with(others, Need::Told)
}

/// The answers of one start, without those of the service's own limiter.
///
/// # Errors
/// The ruling that says why nothing can be said.
pub(crate) fn answers<'a>(
    seen: &'a [Observation],
    classes: &Classes,
    name: &str,
    method: &str,
) -> Result<Surface<'a>, Ruling> {
    let mut surface = surface::surface(seen, name, method)?;
    let says_something =
        |answer: &&Answer| !matches!(classes.kind(answer), Kind::Limited | Kind::Unanswered);
    surface.answers.retain(says_something);
    Ok(surface)
}

fn asked_for(trial: &Trial<'_>, classes: &Classes) -> Result<(), String> {
    let mut answers = trial.seen.iter().filter_map(|observation| match &observation.seen {
        Seen::Answer(answer) if answer.label == FEATURE => Some(answer),
        _ => None,
    });
    match answers.next_back().map(|answer| classes.kind(answer)) {
        None => Err("was not asked for".to_owned()),
        Some(kind @ (Kind::Limited | Kind::Unanswered)) => Err(kind.words().to_owned()),
        Some(_) => Ok(()),
    }
}

/// Judges one feature after the other. What cannot be said about one cannot be said about all.
pub(crate) fn judge<T>(
    features: &BTreeMap<String, T>,
    (word, held): (&str, &str),
    about: impl Fn(&str, &T) -> Result<Vec<Finding>, Ruling>,
) -> Ruling {
    if features.is_empty() {
        return Ruling::undecided(format!("no {word} is declared"));
    }
    let mut findings = Vec::new();
    for (name, feature) in features {
        match about(name, feature) {
            Ok(found) => findings.extend(found),
            Err(judgement) => return judgement,
        }
    }
    Ruling::from_findings(format!("{held}: {}", features.len()), findings)
}

/// Sends the declared request, with the headers of the journey's last step where both are
/// declared; or walks the journey, whose last step is the feature.
async fn use_it(bench: &Bench, visitor: &Visitor<'_>, feature: Feature<'_>) {
    let mut headers = Vec::new();
    if let Some((_, journey)) = feature.journey.and_then(|name| bench.journey(Some(name))) {
        let mut walk = visitor.person();
        for (at, entry) in journey.entries.iter().enumerate() {
            let last = at + 1 == journey.entries.len();
            let label = if last && feature.request.is_none() {
                FEATURE.to_owned()
            } else {
                format!("before {FEATURE}")
            };
            let Some((sent, _, result)) = visitor.step(&label, &mut walk, entry).await else {
                return;
            };
            headers = sent.headers;
            if result.is_err() {
                break;
            }
        }
    }
    if let Some(text) = feature.request {
        let mut request = declared(text);
        request.headers = headers;
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        visitor.ask(FEATURE, &request).await;
    }
}
