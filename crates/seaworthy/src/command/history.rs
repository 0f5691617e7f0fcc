//! `seaworthy history`: every run that is known, what went better or worse, and what wavers.

use std::path::PathBuf;

use clap::ValueEnum;
use ledger::{Direction, Entry, Flaky};
use model::Verdict;
use report::Styles;
use report::style::paint;
use report::words::label;

use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::{runs, screen};

#[derive(Debug, clap::Args)]
#[command(after_help = "The ledger is .seaworthy/ledger.sqlite3; runs that are not in it yet are \
                        entered first.")]
pub(super) struct Arguments {
    /// The manifest, or the folder of the service.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Show only this control.
    #[arg(long, value_name = "ID")]
    only: Option<String>,
    /// So many runs, the newest.
    #[arg(short = 'n', long, value_name = "N", default_value = "20")]
    last: usize,
    /// Where runs are stored, when that is not `.seaworthy` beside the manifest.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value = "terminal")]
    format: HistoryFormat,
}

/// How the history is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum HistoryFormat {
    /// For people.
    Terminal,
    /// For programs.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if let Some(id) = &arguments.only {
        super::built(id)?;
    }
    let out = runs::folder(&arguments.path, arguments.out.as_ref());
    let mut entries = runs::known(&out, arguments.last.max(1))?;
    if let Some(id) = &arguments.only {
        for entry in &mut entries {
            entry.controls.retain(|held| held.control == *id);
        }
        entries.retain(|entry| !entry.controls.is_empty());
    }
    let flaky = ledger::flaky(&entries);
    screen::data(&match arguments.format {
        HistoryFormat::Json => json(&entries, &flaky),
        HistoryFormat::Terminal => terminal(&entries, &flaky, &screen::stdout_styles()),
    });
    Ok(exit::OK)
}

/// What went which way in a run, each control against the last run before it that tried it.
fn moves(entries: &[Entry], at: usize) -> Vec<(Direction, &str, Verdict, Verdict)> {
    let mut all = Vec::new();
    for held in &entries[at].controls {
        let earlier = entries[at + 1..].iter().find_map(|entry| entry.verdict(&held.control));
        let Some(before) = earlier.filter(|before| *before != held.verdict) else { continue };
        let direction = match (before, held.verdict) {
            (_, Verdict::Pass) => Direction::Better,
            (_, Verdict::Fail) | (Verdict::Pass, Verdict::Inconclusive | Verdict::Error) => {
                Direction::Worse
            }
            _ => continue,
        };
        all.push((direction, held.control.as_str(), before, held.verdict));
    }
    all.sort_by_key(|(direction, control, ..)| (*direction, *control));
    all
}

fn terminal(entries: &[Entry], flaky: &[Flaky], styles: &Styles) -> String {
    let mut out = String::new();
    for (at, entry) in entries.iter().enumerate() {
        out.push_str(&line(entry, styles));
        for (direction, control, before, after) in moves(entries, at) {
            let (style, word) = match direction {
                Direction::Better => (styles.pass, "better"),
                _ => (styles.fail, "worse"),
            };
            out.push_str(&format!(
                "  {} {control}: {} → {}\n",
                paint(style, &format!("{word:<6}")),
                label(before),
                label(after)
            ));
        }
    }
    if flaky.is_empty() {
        return out;
    }
    let title = "wavered with the same commit, manifest, program and seaworthy";
    out.push_str(&format!("\n{}\n", paint(styles.strong, title)));
    for one in flaky {
        let counts =
            one.verdicts.iter().map(|(verdict, count)| format!("{count} {}", label(*verdict)));
        let counts = counts.collect::<Vec<_>>().join(", ");
        let commit: String = one.commit.chars().take(12).collect();
        out.push_str(&format!("  {:<20} {counts} at {commit}\n", one.control));
    }
    out
}

fn line(entry: &Entry, styles: &Styles) -> String {
    let with = |verdict| entry.controls.iter().filter(|held| held.verdict == verdict).count();
    let failed = match with(Verdict::Fail) {
        0 => paint(styles.pass, "0 failed"),
        count => paint(styles.fail, &format!("{count} failed")),
    };
    let score = match entry.score {
        Some(score) => format!("score {score:>5.1}"),
        None if entry.partial => "interrupted".to_owned(),
        None => "a part".to_owned(),
    };
    let commit: String = entry.commit.chars().take(10).collect();
    let commit = match (commit.as_str(), entry.dirty) {
        ("", _) => "not in git".to_owned(),
        (commit, true) => format!("{commit}+"),
        (commit, false) => commit.to_owned(),
    };
    let edge = if entry.through_edge { " · through the edge" } else { "" };
    format!(
        "{}  {:<11}  {score:<11}  {failed}, {} passed, {} of {} decided{edge}  {}\n",
        entry.date.replace('T', " ").trim_end_matches('Z'),
        commit,
        with(Verdict::Pass),
        entry.decided,
        entry.applicable,
        paint(styles.faint, &entry.run)
    )
}

fn json(entries: &[Entry], flaky: &[Flaky]) -> String {
    let runs: Vec<_> = entries
        .iter()
        .enumerate()
        .map(|(at, entry)| {
            let moved = moves(entries, at);
            let of = |wanted| -> Vec<&str> {
                moved.iter().filter(|one| one.0 == wanted).map(|one| one.1).collect()
            };
            let verdicts: serde_json::Map<_, _> = entry
                .controls
                .iter()
                .map(|held| (held.control.clone(), held.verdict.word().into()))
                .collect();
            serde_json::json!({
                "run": entry.run, "date": entry.date, "service": entry.service,
                "commit": entry.commit, "dirty": entry.dirty, "manifest": entry.manifest,
                "artifact": entry.artifact, "seaworthy": entry.seaworthy,
                "through_edge": entry.through_edge, "partial": entry.partial,
                "score": entry.score, "decided": entry.decided, "applicable": entry.applicable,
                "verdicts": verdicts,
                "better": of(Direction::Better), "worse": of(Direction::Worse),
            })
        })
        .collect();
    let flaky: Vec<_> = flaky
        .iter()
        .map(|one| {
            let verdicts: serde_json::Map<_, _> = one
                .verdicts
                .iter()
                .map(|(verdict, count)| (verdict.word().to_owned(), (*count).into()))
                .collect();
            serde_json::json!({
                "control": one.control, "commit": one.commit, "verdicts": verdicts,
            })
        })
        .collect();
    let all = serde_json::json!({ "runs": runs, "flaky": flaky });
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}
