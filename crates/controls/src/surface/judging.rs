//! What the judges of the HTTP surface share.

use model::{Answer, Finding, Observation, Ruling, Seen};

use crate::surface::tries::begins_with;
use crate::surface::visitor::NOT_CONNECTED;
use crate::trials::{Trial, by_trial};

/// The answers of one trial.
#[derive(Debug)]
pub(crate) struct Surface<'a> {
    pub(crate) trial: Trial<'a>,
    pub(crate) answers: Vec<&'a Answer>,
}

/// The trial of this subject and method, when the service became ready in it.
///
/// # Errors
/// The judgement that says why nothing can be said.
pub(crate) fn surface<'a>(
    seen: &'a [Observation],
    subject: &str,
    method: &str,
) -> Result<Surface<'a>, Ruling> {
    let surface = tried(seen, subject, method)?;
    if surface.is_answered() { Ok(surface) } else { Err(surface.without_answer()) }
}

/// The same, whether or not any request was answered.
///
/// # Errors
/// The judgement that says why nothing can be said.
pub(crate) fn tried<'a>(
    seen: &'a [Observation],
    subject: &str,
    method: &str,
) -> Result<Surface<'a>, Ruling> {
    let mut trials = by_trial(seen).into_iter();
    let Some(trial) = trials.find(|trial| trial.subject == subject && trial.method == method)
    else {
        return Err(Ruling::undecided("nothing was tried"));
    };
    if let Some(broken) = trial.broken() {
        let words = broken.witness(&trial);
        return Err(Ruling::undecided(format!("it did not become ready: {words}")));
    }
    if trial.is_unready() {
        return Err(Ruling::undecided("it was not seen to get ready"));
    }
    let answers = trial.seen.iter().filter_map(|observation| match &observation.seen {
        Seen::Answer(answer) => Some(answer),
        _ => None,
    });
    Ok(Surface { answers: answers.collect(), trial })
}

impl<'a> Surface<'a> {
    /// Whether any request was answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.answers.iter().any(|answer| answer.status().is_some())
    }

    /// Why there was no connection, where that is known.
    pub(crate) fn not_connected(&self) -> Option<&'a str> {
        self.facts(NOT_CONNECTED).map(|(why, _)| why).next()
    }

    /// What can be said when no request was answered.
    pub(crate) fn without_answer(&self) -> Ruling {
        let why = self.not_connected().map(|why| format!(": {why}")).unwrap_or_default();
        Ruling::undecided(format!("no request was answered{why}"))
    }

    /// The answers whose label is this word, or begins with it and a space.
    pub(crate) fn labelled(&self, word: &str) -> std::vec::IntoIter<&'a Answer> {
        let is = |answer: &&&Answer| begins_with(&answer.label, word);
        let found: Vec<_> = self.answers.iter().filter(is).copied().collect();
        found.into_iter()
    }

    /// The first answer with exactly this label.
    pub(crate) fn find(&self, label: &str) -> Option<&'a Answer> {
        self.answers.iter().copied().find(|answer| answer.label == label)
    }

    /// What the service wrote.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &'a str> + '_ {
        self.trial.lines()
    }

    /// The values of a typed fact, each with what it is about.
    pub(crate) fn facts(&self, name: &str) -> impl Iterator<Item = (&'a str, i64)> + '_ {
        let name = name.to_owned();
        self.trial.seen.iter().filter_map(move |observation| match &observation.seen {
            Seen::Fact { name: known, about, value } if *known == name => {
                Some((about.as_str(), *value))
            }
            _ => None,
        })
    }
}

/// What stands at a JSONPath of an answer.
pub(crate) fn at(answer: &Answer, path: &str) -> Option<serde_json::Value> {
    let response = client::Response {
        status: answer.status()?,
        headers: Vec::new(),
        body: answer.body.clone().into_bytes(),
        closes: false,
    };
    journey::query::Query::JsonPath(path.to_owned()).find(&response)
}

/// A finding about one answer, with the request that shows it.
pub(crate) fn showing(finding: Finding, answer: &Answer) -> Finding {
    finding.about(answer.asked()).request(answer.curl())
}

/// The same cause on several requests is one finding: the first, and how many there were.
pub(crate) fn once_per_cause(findings: Vec<Finding>, of: usize) -> Vec<Finding> {
    let mut kept: Vec<(Finding, usize)> = Vec::new();
    for finding in findings {
        match kept
            .iter_mut()
            .find(|(k, _)| k.cause == finding.cause && k.severity == finding.severity)
        {
            Some((_, count)) => *count += 1,
            None => kept.push((finding, 1)),
        }
    }
    kept.into_iter().map(|(finding, count)| finding.seen(count, of)).collect()
}

#[cfg(test)]
pub(crate) mod build {
    //! Answers for the judges' tests, without ceremony.

    use model::{Answer, Asked, Outcome, Seen};

    pub(crate) use crate::trials::build::{Judged, fact};

    use crate::trials::build::{ready, started, trial};

    pub(crate) fn answer(label: &str, asked: &str, status: u16) -> Answer {
        let (method, target) = asked.split_once(' ').unwrap_or(("GET", asked));
        Answer {
            label: label.into(),
            request: Asked { method: method.into(), target: target.into(), ..Asked::default() },
            outcome: Outcome::Answered { status },
            headers: Vec::new(),
            body: String::new(),
            bytes: 0,
            took_us: 1000,
            as_expected: None,
        }
    }

    pub(crate) trait Build {
        fn with(self, name: &str, value: &str) -> Self;
        fn asking(self, name: &str, value: &str) -> Self;
        fn saying(self, body: &str) -> Self;
        fn json(self, body: &str) -> Self;
    }

    impl Build for Answer {
        fn with(mut self, name: &str, value: &str) -> Self {
            self.headers.push((name.into(), value.into()));
            self
        }

        fn asking(mut self, name: &str, value: &str) -> Self {
            self.request.headers.push((name.into(), value.into()));
            self
        }

        fn saying(mut self, body: &str) -> Self {
            self.body = body.into();
            self.bytes = body.len() as u64;
            self
        }

        fn json(self, body: &str) -> Self {
            self.with("Content-Type", "application/json").saying(body)
        }
    }

    /// One trial of a ready service with these answers.
    pub(crate) fn main(answers: Vec<Answer>) -> Vec<model::Observation> {
        on(super::super::MAIN, super::super::MAIN, answers)
    }

    pub(crate) fn on(subject: &str, method: &str, answers: Vec<Answer>) -> Vec<model::Observation> {
        let mut seen = vec![started(), ready(50)];
        seen.extend(answers.into_iter().map(Seen::Answer));
        trial(&format!("{subject}/{method}"), subject, method, seen)
    }

    pub(crate) fn manifest(more: &str) -> settings::Manifest {
        let text = format!("[service]\nname = \"a\"\nstart = \"a --port {{port}}\"\n{more}");
        settings::parse(&text).unwrap_or_else(|m| panic!("{m:?}")).manifest
    }
}
