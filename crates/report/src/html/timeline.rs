//! One time line for the trial that shows a failure best: what was done to the process, what was
//! broken on purpose, who asked and what they got, on one axis.
//!
//! The drawing is of boxes placed in per cent, so it fits a phone and a sheet of paper as it is.

mod draw;
mod lanes;
mod moments;
mod window;

use maud::{Markup, html};
use model::{Finding, Observation, Row, Seen, Severity};

use super::text;
use lanes::Class;

/// So many further rounds are drawn, folded; a large run stays a small page.
const FURTHER: usize = 2;

/// What the colours mean, for those that are not explained by their lane.
const LEGEND: [(Class, &str); 8] = [
    (Class::Life, "the process lives"),
    (Class::Done, "something was done to it, or it got ready or ended"),
    (Class::Fault, "broken on purpose"),
    (Class::Ok, "answered, accepted"),
    (Class::Soft, "refused, or an error of the service"),
    (Class::Wait, "waiting for an answer that did not come"),
    (Class::Bad, "dropped, cut, late, not accepted or given up"),
    (Class::Log, "it wrote a line"),
];

/// One trial: what it tried, and what was seen.
struct Trial<'a> {
    name: &'a str,
    subject: &'a str,
    method: &'a str,
    round: u32,
    own: Vec<&'a Observation>,
}

impl<'a> Trial<'a> {
    /// The trial of this name.
    fn of(name: &str, seen: &'a [Observation]) -> Option<Self> {
        let own: Vec<_> = seen.iter().filter(|observation| observation.trial == name).collect();
        own.iter().find_map(|observation| match &observation.seen {
            Seen::Trial { subject, method, round } => Some(Self {
                name: &observation.trial,
                subject,
                method,
                round: *round,
                own: own.clone(),
            }),
            _ => None,
        })
    }

    fn title(&self) -> String {
        let parts = [self.subject, self.method].map(text::line);
        let mut title = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
        title.push(format!("round {}", self.round));
        title.join(" · ")
    }

    /// How well it shows what the findings say: the trial that they name, then what it is about,
    /// then how much went wrong.
    fn weight(&self, findings: &[&Finding]) -> usize {
        let says = |finding: &&&Finding| {
            let named = |part: &str| {
                !part.is_empty() && (finding.subject == part || finding.witness.contains(part))
            };
            named(self.subject) || named(self.method)
        };
        let first = findings.iter().position(|finding| finding.trial == self.name);
        let first = first.map_or(0, |at| 1_000_000 - at.min(999) * 1000);
        let named = findings.iter().filter(says).count().min(900);
        let lanes = lanes::of(&self.own);
        let marks = lanes.iter().flat_map(|lane| &lane.marks);
        let bad = marks.filter(|mark| mark.class == Class::Bad).count();
        first + 1000 * named + bad.min(999)
    }

    /// Whether there is more to see than requests and their answers.
    fn has_a_story(&self) -> bool {
        self.own.iter().any(|observation| {
            matches!(
                observation.seen,
                Seen::Signalled { .. }
                    | Seen::FaultSet { .. }
                    | Seen::Locked { .. }
                    | Seen::NeverReady { .. }
                    | Seen::NotStarted { .. }
                    | Seen::Mutated { .. }
                    | Seen::Exited { .. }
            )
        })
    }
}

fn trials(seen: &[Observation]) -> Vec<Trial<'_>> {
    let begins = seen.iter().filter(|one| matches!(one.seen, Seen::Trial { .. }));
    let trials = begins.filter_map(|one| Trial::of(&one.trial, seen));
    trials.filter(Trial::has_a_story).collect()
}

/// The trials that a reader should see, the best first.
fn chosen<'a>(row: &Row, seen: &'a [Observation]) -> Vec<Trial<'a>> {
    let findings: Vec<&Finding> =
        row.findings.iter().filter(|finding| finding.severity == Severity::Fail).collect();
    let mut trials = trials(seen);
    trials.sort_by_cached_key(|trial| std::cmp::Reverse(trial.weight(&findings)));
    trials
}

/// The trial that shows a failure best, open; some more, folded.
pub(super) fn timeline(row: &Row, seen: &[Observation]) -> Markup {
    let chosen = chosen(row, seen);
    let all = chosen.len();
    html! {
        @if let Some((best, others)) = chosen.split_first() {
            (figure(best))
            @if !others.is_empty() {
                details.trials {
                    summary { (further(others.len().min(FURTHER), all)) }
                    @for trial in others.iter().take(FURTHER) { (figure(trial)) }
                }
            }
        }
    }
}

/// One trial of what held, folded: how it was tried.
pub(super) fn folded(row: &Row, seen: &[Observation]) -> Markup {
    let chosen = chosen(row, seen);
    html! {
        @if let Some(best) = chosen.first() {
            details.trials {
                summary { "a time line of " @if chosen.len() > 1 { "one of " (chosen.len()) " trials" } @else { "the trial" } }
                (figure(best))
            }
        }
    }
}

fn further(shown: usize, all: usize) -> String {
    let rest = all - 1 - shown;
    match rest {
        0 => format!("{shown} more of {all} trials"),
        rest => format!("{shown} more of {all} trials ({rest} others are stored but not drawn)"),
    }
}

fn figure(trial: &Trial<'_>) -> Markup {
    let window = window::of(&trial.own);
    let lanes = lanes::of(&trial.own);
    html! {
        figure {
            figcaption { (trial.title()) @if let Some(left) = window.left_out() { " · " (left) } }
            (draw::drawing(&lanes, &window))
            p.legend {
                @for (class, told) in LEGEND {
                    @if is_drawn(&lanes, class) {
                        span { i class=(class.name()) {} (told) } " "
                    }
                }
            }
            (moments::moments(&trial.own, &window))
            (log(&trial.own))
        }
    }
}

/// Whether a colour is in the drawing: what failed is drawn with the time in which it waited.
fn is_drawn(lanes: &[lanes::Lane], class: Class) -> bool {
    let mut marks = lanes.iter().flat_map(|lane| &lane.marks);
    match class {
        Class::Wait => marks.any(|mark| mark.class == Class::Bad && mark.to > mark.from),
        class => marks.any(|mark| mark.class == class),
    }
}

/// The last lines it wrote.
fn log(own: &[&Observation]) -> Markup {
    const MOST: usize = 10;
    let lines: Vec<String> = own
        .iter()
        .filter_map(|observation| match &observation.seen {
            Seen::Output { line, .. } => Some(crate::words::fit(line, 300)),
            _ => None,
        })
        .collect();
    let from = lines.len().saturating_sub(MOST);
    html! {
        @if !lines.is_empty() {
            details {
                summary { "the last lines of its log in this trial" }
                pre { (text::lines(&lines[from..])) }
            }
        }
    }
}
