//! What would be tried, and how long it would take, in words.

use std::time::Duration;

use engine::Plan;
use engine::estimate::Estimate;
use engine::plan::What;
use model::Lane;
use report::style::paint;

use crate::screen;

pub(super) fn plan_text(plan: &Plan, estimate: &Estimate) -> String {
    let styles = screen::stdout_styles();
    let mut out = String::new();
    let of = |id: &str| {
        let found = estimate.controls.iter().find(|(known, ..)| *known == id);
        found.map_or((Duration::ZERO, false), |(_, time, measured)| (*time, *measured))
    };
    let starts = |id: &str| estimate.critical.first() == Some(&id) && id == "startup";
    let tried: Vec<_> = plan
        .lane(Lane::Quiet)
        .chain(plan.lane(Lane::Shared))
        .map(controls::Control::card)
        .collect();
    for (heading, alone) in [
        ("alone, because starts are judged by their time", true),
        ("then beside each other", false),
    ] {
        let mut cards: Vec<_> = tried.iter().filter(|card| starts(card.id) == alone).collect();
        if cards.is_empty() {
            continue;
        }
        cards.sort_by_key(|card| std::cmp::Reverse(of(card.id).0));
        out.push_str(&format!("{}\n", paint(styles.strong, heading)));
        for card in cards {
            let (time, _) = of(card.id);
            let (promise, time) = (card.entry().promise, seconds(time));
            out.push_str(&format!("  {:<20} {time:>6}  {promise}\n", card.id));
        }
    }
    if !estimate.critical.is_empty() {
        let path: Vec<_> =
            estimate.critical.iter().map(|id| format!("{id} {}", seconds(of(id).0))).collect();
        let text = format!(
            "about {} in all; what decides it: {}\n",
            seconds(estimate.total),
            path.join(", then ")
        );
        out.push_str(&paint(styles.strong, &text));
        let measured = estimate.controls.iter().all(|(_, _, measured)| *measured);
        let note = if measured {
            "times are those of the last run\n"
        } else {
            "times of controls that were not tried yet are those of a service that starts in 1 s; \
             after one run they are measured\n"
        };
        out.push_str(&paint(styles.faint, note));
    }
    for step in &plan.steps {
        if let What::Settled(judgement) = &step.what {
            let verdict = judgement.verdict().word();
            let (id, why) = (step.control.card().id, &judgement.summary);
            out.push_str(&format!("  {id:<20} not tried: {verdict}: {why}\n"));
        }
    }
    out
}

fn seconds(time: Duration) -> String {
    format!("{:.0} s", time.as_secs_f64().max(1.0))
}
