//! `seaworthy explain CONTROL`.

use model::{Applicability, Lane, Reach};
use report::style::paint;

use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::screen;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The id of the control, as `seaworthy list` shows it.
    control: String,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let card = super::built(&arguments.control)?.card();
    let styles = screen::stdout_styles();
    let applies = match card.applicability {
        Applicability::Universal => "applies to every service",
        Applicability::Declared => "applies when the manifest declares what it is about",
        Applicability::Detected => "applies when the lab sees what it is about",
    };
    let reach = match card.reach {
        Reach::Lab => "only in the lab",
        Reach::Target => "in the lab and against a deployed instance",
    };
    let lane = match card.lane {
        Lane::Shared => "beside other experiments",
        Lane::Quiet => "alone, because it judges time",
    };
    let facts = format!(
        "{} · {} · {applies} · tried {reach}, {lane} · disturbs {} · about {} s\n",
        card.entry().family.word(),
        card.entry().risk.word(),
        card.disturbs,
        card.budget
    );
    let supply = match edge::supply::find(card.id) {
        Some(supply) => {
            format!("seaworthy run {}: [supply] controls = [\"{}\"]\n", supply.how, card.id)
        }
        None => "only the service itself can hold it\n".to_owned(),
    };
    let facts = format!("{facts}{supply}");
    let page = card.page.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) => paint(styles.strong, rest.trim_start_matches('#').trim()),
        None => line.to_owned(),
    });
    let page: Vec<_> = page.collect();
    let (title, rest) = page.split_first().map_or(("", &[][..]), |(t, r)| (t.as_str(), r));
    screen::data(&format!("{title}\n{}{}\n", paint(styles.faint, &facts), rest.join("\n")));
    Ok(exit::OK)
}
