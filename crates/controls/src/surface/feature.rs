//! Features that a variable turns on and off, and that are used by a request or a journey.

use std::collections::BTreeMap;

use lab::{Bench, LabError, Mutation};
use model::{Finding, Judgement};

use crate::business::declared;
use crate::surface::{self, Tour, Visitor};

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
        let visitor = Visitor::new(&site, &trial);
        use_it(bench, &visitor, feature).await;
        if *tours {
            Tour::walk(bench, &visitor).await;
        }
        site.end().await;
    }
    Ok(())
}

/// Judges one feature after the other. What cannot be said about one cannot be said about all.
pub(crate) fn judge<T>(
    features: &BTreeMap<String, T>,
    (word, held): (&str, &str),
    about: impl Fn(&str, &T) -> Result<Vec<Finding>, Judgement>,
) -> Judgement {
    if features.is_empty() {
        return Judgement::inconclusive(format!("no {word} is declared"));
    }
    let mut findings = Vec::new();
    for (name, feature) in features {
        match about(name, feature) {
            Ok(found) => findings.extend(found),
            Err(judgement) => return judgement,
        }
    }
    Judgement::from_findings(format!("{held}: {}", features.len()), findings)
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
