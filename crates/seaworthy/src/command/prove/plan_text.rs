//! What would be tried, in words.

use engine::Plan;
use engine::plan::What;
use model::Lane;
use report::style::paint;

use crate::screen;

pub(super) fn plan_text(plan: &Plan) -> String {
    let styles = screen::stdout_styles();
    let mut out = String::new();
    for (lane, heading) in [
        (Lane::Shared, "beside each other"),
        (Lane::Quiet, "then one by one, because they judge time"),
    ] {
        let controls: Vec<_> = plan.lane(lane).collect();
        if controls.is_empty() {
            continue;
        }
        out.push_str(&format!("{}\n", paint(styles.strong, heading)));
        for control in controls {
            let card = control.card();
            let (promise, budget) = (card.entry().promise, card.budget);
            out.push_str(&format!("  {:<20} about {budget} s  {promise}\n", card.id));
        }
    }
    let note = "times are those of a service that starts at once and has one dependency; each start \
                and each further dependency adds to them\n";
    out.push_str(&paint(styles.faint, note));
    for step in &plan.steps {
        if let What::Settled(judgement) = &step.what {
            let verdict = judgement.verdict().word();
            let (id, why) = (step.control.card().id, &judgement.summary);
            out.push_str(&format!("  {id:<20} not tried: {verdict}: {why}\n"));
        }
    }
    out
}
