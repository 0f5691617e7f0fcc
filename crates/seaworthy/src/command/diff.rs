//! `seaworthy diff RUN RUN`: what is different between two runs.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use ledger::{Change, Diff, Direction, Entry, Found};
use model::{Severity, Verdict};
use report::Styles;
use report::style::paint;
use report::words::label;

use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::{runs, screen};

#[derive(Debug, clap::Args)]
#[command(after_help = "A run is its id, its folder, a scorecard (JSON), last, or last~1 for the \
                        one before it.")]
pub(super) struct Arguments {
    /// The earlier run.
    #[arg(default_value = "last~1")]
    before: String,
    /// The later run.
    #[arg(default_value = "last")]
    after: String,
    /// The folder of the service whose runs are meant.
    #[arg(long, default_value = ".", value_name = "PATH")]
    service: PathBuf,
    /// Where runs are stored, when that is not `.seaworthy` beside the manifest.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// End with 1 when a control is worse.
    #[arg(long)]
    exit_code: bool,
    /// How to print it.
    #[arg(long, value_enum, default_value = "terminal")]
    format: DiffFormat,
}

/// How the differences are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    /// For people.
    Terminal,
    /// For programs.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let out = runs::folder(&arguments.service, arguments.out.as_ref());
    let before = entry(&arguments.before, &out)?;
    let after = entry(&arguments.after, &out)?;
    let found = ledger::diff(&before, &after);
    screen::data(&match arguments.format {
        DiffFormat::Json => json(&before, &after, &found),
        DiffFormat::Terminal => terminal(&before, &after, &found, &screen::stdout_styles()),
    });
    let worse = found.changes.iter().any(|change| change.direction == Direction::Worse);
    Ok(if arguments.exit_code && worse { exit::FAILED } else { exit::OK })
}

/// The run that is meant.
fn entry(name: &str, out: &Path) -> Result<Entry, Failure> {
    let path = Path::new(name);
    if path.is_file() || path.join("scorecard.json").is_file() {
        let wrong = |why| {
            Failure::usage(format!("cannot use {name}: {why}"))
                .hint("expected a scorecard of seaworthy prove, as JSON, or the folder of a run")
        };
        return runs::scorecard(path).map(|card| Entry::of(&card)).map_err(wrong);
    }
    let entries = runs::known(out, usize::MAX)?;
    let back = match name.strip_prefix("last") {
        Some("") => Some(0),
        Some(back) => back.strip_prefix('~').and_then(|back| back.parse::<usize>().ok()),
        None => None,
    };
    let stored = entries.len();
    let newest: Vec<_> = entries.iter().take(5).map(|entry| entry.run.clone()).collect();
    let found = match back {
        Some(back) => entries.into_iter().nth(back),
        None => entries.into_iter().find(|entry| entry.run == name),
    };
    found.ok_or_else(|| {
        let text = match back {
            Some(back) => format!(
                "there is no {name}: {back} runs before the last one, and {stored} are stored in {}",
                out.display()
            ),
            None => format!("there is no run {name} in {}", out.display()),
        };
        Failure::usage(text).hint(format!("the newest are {}", newest.join(", ")))
    })
}

fn told(verdict: Option<Verdict>) -> &'static str {
    verdict.map_or("not tried", label)
}

fn terminal(before: &Entry, after: &Entry, found: &Diff, styles: &Styles) -> String {
    let score = |entry: &Entry| match entry.score {
        Some(score) => format!("score {score:.1}"),
        None => "no score".to_owned(),
    };
    let mut out = format!(
        "{} ({}) → {} ({})\n",
        before.run,
        score(before),
        paint(styles.strong, &after.run),
        score(after)
    );
    for (name, was, is) in &found.bound {
        let told = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        out.push_str(&paint(styles.faint, &format!("{name}: {} → {}\n", told(was), told(is))));
    }
    for (direction, title) in [
        (Direction::Worse, "worse"),
        (Direction::Better, "better"),
        (Direction::Other, "other changes"),
    ] {
        let of: Vec<_> = found.changes.iter().filter(|one| one.direction == direction).collect();
        if of.is_empty() {
            continue;
        }
        out.push_str(&format!("\n{}\n", paint(styles.strong, title)));
        for change in of {
            out.push_str(&line(change, after, styles));
        }
    }
    let same = report::words::count(found.same, "control");
    out.push_str(&format!("\n{same} came to the same\n"));
    out
}

fn line(change: &Change, after: &Entry, styles: &Styles) -> String {
    let style = match change.direction {
        Direction::Worse => styles.fail,
        Direction::Better => styles.pass,
        Direction::Other => styles.undecided,
    };
    let verdicts = if change.before == change.after {
        format!("{}, as before", told(change.after))
    } else {
        format!("{} → {}", told(change.before), told(change.after))
    };
    let mut out = format!("  {:<20} {verdicts}\n", paint(style, &change.control));
    let summary = after.held(&change.control).map(|held| held.summary.as_str()).unwrap_or_default();
    if change.before != change.after && change.appeared.is_empty() && !summary.is_empty() {
        out.push_str(&format!("    {summary}\n"));
    }
    for (sign, all) in [('+', &change.appeared), ('-', &change.gone)] {
        for found in all {
            out.push_str(&format!("    {sign} {}\n", words(found)));
        }
    }
    out
}

fn words(found: &Found) -> String {
    let severity = match found.severity {
        Severity::Fail => "",
        Severity::Warn => "warning: ",
        Severity::Note => "note: ",
    };
    match found.subject.as_str() {
        "" => format!("{severity}{}", found.cause),
        subject => format!("{severity}{subject} · {}", found.cause),
    }
}

fn json(before: &Entry, after: &Entry, found: &Diff) -> String {
    let direction = |direction| match direction {
        Direction::Worse => "worse",
        Direction::Better => "better",
        Direction::Other => "other",
    };
    let findings = |all: &[Found]| -> Vec<serde_json::Value> {
        let one = |found: &Found| {
            serde_json::json!({
                "severity": found.severity, "cause": found.cause, "subject": found.subject,
            })
        };
        all.iter().map(one).collect()
    };
    let changes: Vec<_> = found
        .changes
        .iter()
        .map(|change| {
            serde_json::json!({
                "control": change.control,
                "direction": direction(change.direction),
                "before": change.before.map(Verdict::word),
                "after": change.after.map(Verdict::word),
                "appeared": findings(&change.appeared),
                "gone": findings(&change.gone),
            })
        })
        .collect();
    let bound: Vec<_> = found
        .bound
        .iter()
        .map(|(name, before, after)| {
            serde_json::json!({ "what": name, "before": before, "after": after })
        })
        .collect();
    let run = |entry: &Entry| serde_json::json!({ "run": entry.run, "score": entry.score });
    let all = serde_json::json!({
        "before": run(before), "after": run(after), "bound": bound, "changes": changes,
        "same": found.same,
    });
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}
