//! `seaworthy list`.

use report::style::paint;

use crate::exit::{self, Exit};
use crate::screen;

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum ListFormat {
    /// For people.
    Terminal,
    /// For programs.
    Json,
}

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// How to print it.
    #[arg(long, value_enum, default_value = "terminal")]
    format: ListFormat,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match arguments.format {
        ListFormat::Json => {
            let list = report::json::list(|id| controls::find(id).is_some());
            let json = serde_json::to_string_pretty(&list).unwrap_or_default();
            screen::data(&(json + "\n"));
        }
        ListFormat::Terminal => screen::data(&table()),
    }
    exit::OK
}

fn table() -> String {
    let styles = screen::stdout_styles();
    let mut out = String::new();
    let mut family = None;
    for entry in model::catalogue::ENTRIES {
        if family != Some(entry.family) {
            family = Some(entry.family);
            out.push_str(&format!("\n{}\n", paint(styles.strong, entry.family.word())));
        }
        let built = controls::find(entry.id).is_some();
        let mark = if built { paint(styles.pass, "●") } else { paint(styles.faint, "○") };
        let risk = paint(styles.faint, &format!("{:<8}", entry.risk.word()));
        out.push_str(&format!("  {mark} {:<21} {risk} {}\n", entry.id, entry.promise));
    }
    let (built, all) = (controls::CONTROLS.len(), model::catalogue::ENTRIES.len());
    out.push_str(&format!("\n● tried by this version ({built} of {all})  ○ not built yet\n"));
    out
}
