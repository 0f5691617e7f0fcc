//! What a control of the surface sets out to try: which answers count, and what they must be to say
//! anything.

use model::{Account, Answer, Classes, Kind, Need, Seen, Tally};

use crate::surface::judging::Surface;
use crate::surface::tour::TOUR;

/// Answers of one sort, by their labels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tries {
    /// What they are, in the plural.
    name: &'static str,
    /// Their labels: each is one try, or the first word of several.
    labels: &'static [&'static str],
    /// What an answer must be to say anything.
    lands: &'static [Kind],
    need: Need,
    /// So many are always planned.
    planned: usize,
}

/// The group of faults that an experiment plans beside its requests.
pub(crate) const FAULT: &str = "fault";
/// The positive control: it was let in.
pub(crate) const ACCEPTED: &[Kind] = &[Kind::Accepted];
/// Any answer that is not the limiter's and no failure.
pub(crate) const ANSWERED: &[Kind] =
    &[Kind::Accepted, Kind::Redirected, Kind::Refused, Kind::Unauthenticated, Kind::Absent];
/// It got past the door: what became of it there, a failure and silence too, is the service's doing.
pub(crate) const REACHED: &[Kind] =
    &[Kind::Accepted, Kind::Redirected, Kind::Refused, Kind::Failed, Kind::Unanswered];
/// An answer came, whatever it says; silence shows nothing of its shape.
pub(crate) const CAME: &[Kind] = &[
    Kind::Accepted,
    Kind::Redirected,
    Kind::Refused,
    Kind::Unauthenticated,
    Kind::Absent,
    Kind::Failed,
];
/// Whatever became of it, unless a limiter stopped it.
pub(crate) const WHATEVER: &[Kind] = &[
    Kind::Accepted,
    Kind::Redirected,
    Kind::Refused,
    Kind::Unauthenticated,
    Kind::Absent,
    Kind::Failed,
    Kind::Unanswered,
];

impl Tries {
    /// Every planned try must land, and at least one.
    pub(crate) const fn all(
        name: &'static str,
        labels: &'static [&'static str],
        lands: &'static [Kind],
    ) -> Self {
        Self { name, labels, lands, need: Need::All, planned: 1 }
    }

    /// Every planned try must land; there may be none.
    pub(crate) const fn each(
        name: &'static str,
        labels: &'static [&'static str],
        lands: &'static [Kind],
    ) -> Self {
        Self { name, labels, lands, need: Need::Percent(100), planned: 0 }
    }

    /// Another need.
    pub(crate) const fn needs(self, need: Need) -> Self {
        Self { need, ..self }
    }

    /// So many are always planned.
    pub(crate) const fn planned(self, planned: usize) -> Self {
        Self { planned, ..self }
    }

    fn is_one(&self, answer: &Answer) -> bool {
        self.labels.iter().any(|label| begins_with(&answer.label, label))
    }

    fn lands(&self, kind: Kind) -> bool {
        self.lands.contains(&kind)
    }
}

/// Whether a label is this word, or begins with it and a space.
pub(crate) fn begins_with(label: &str, word: &str) -> bool {
    label.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// The account of these answers, and only the answers that landed. What belongs to no group stays,
/// unless it is the limiter's.
pub(crate) fn account<'a>(
    surface: Surface<'a>,
    classes: &Classes,
    groups: &[Tries],
) -> (Account, Surface<'a>) {
    let mut account = journeys(&surface);
    let mut faults = Tally::of("faults");
    faults.plan(planned(&surface, &[FAULT]));
    (0..surface.trial.faults()).for_each(|_| faults.landed());
    if !faults.is_empty() {
        account.add(faults, Need::All);
    }
    for group in groups {
        let mut tally = Tally::of(group.name);
        tally.plan(group.planned.max(planned(&surface, group.labels)));
        for answer in surface.answers.iter().filter(|answer| group.is_one(answer)) {
            let kind = classes.kind(answer);
            tally.tried(if group.lands(kind) { Ok(()) } else { Err(kind.words().to_owned()) });
        }
        let need = match group.need {
            // None was planned: there is nothing of this sort to try here.
            _ if tally.is_empty() => Need::Told,
            need => need,
        };
        account.add(tally, need);
    }
    let stays = |answer: &&Answer| {
        let kind = classes.kind(answer);
        match groups.iter().find(|group| group.is_one(answer)) {
            Some(group) => group.lands(kind),
            None => kind != Kind::Limited,
        }
    };
    let answers = surface.answers.iter().copied().filter(stays).collect();
    (account, Surface { answers, ..surface })
}

fn planned(surface: &Surface<'_>, names: &[&str]) -> usize {
    let all = surface.trial.seen.iter().filter_map(|observation| match &observation.seen {
        Seen::Planned { group, tries } => Some((group, *tries as usize)),
        _ => None,
    });
    all.filter(|(name, _)| names.contains(&name.as_str())).map(|(_, tries)| tries).sum()
}

/// The journeys that were walked: what follows a step that failed was not tried.
fn journeys(surface: &Surface<'_>) -> Account {
    let mut steps = Tally::of("steps of journeys");
    let mut failures = Vec::new();
    let mut walked = 0;
    for observation in &surface.trial.seen {
        if let Seen::Walked { journey, failure, steps } = &observation.seen {
            walked += *steps as usize;
            failures.extend(failure.as_ref().map(|failure| format!("{journey}: {failure}")));
        }
    }
    if walked == 0 && failures.is_empty() {
        return Account::default();
    }
    steps.plan(walked);
    let done = surface.answers.iter().filter(|answer| answer.label == TOUR);
    for answer in done {
        match answer.as_expected {
            Some(false) => steps.missed("not as expected"),
            Some(true) => steps.landed(),
            None => {}
        }
    }
    // Stored runs of before do not say of each step whether it was as expected.
    if failures.is_empty() && steps.is_empty() {
        return Account::default();
    }
    Account::default().with(steps, Need::All)
}
