//! `seaworthy gate`: may this commit go to an environment? From stored evidence, without the
//! service.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use engine::gate::{Question, closed_by};
use engine::store::Store;
use model::Scorecard;
use report::style::paint;
use settings::gates::Gate;

use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::manifest_file::{ManifestFile, NAME};
use crate::{runs, screen};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 it may, 1 it may not, 2 there is no evidence or no such gate."
)]
pub(super) struct Arguments {
    /// The manifest, or the folder that holds it.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The gate of the manifest, `[gates.NAME]`; without one, nothing may have failed.
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// A scorecard or the folder of a run, such as an artifact that was downloaded; the newest whole
    /// run of this commit by default.
    #[arg(long, value_name = "PATH")]
    evidence: Option<PathBuf>,
    /// Let old failures through: only what held in the base and does not hold now closes the gate.
    #[arg(long)]
    ratchet: bool,
    /// What a ratchet compares with; the newest whole run of another commit by default.
    #[arg(long, value_name = "PATH")]
    base: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value = "terminal")]
    format: GateFormat,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GateFormat {
    /// For people.
    Terminal,
    /// For programs.
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let root = folder(&arguments.path);
    let mut gate = gate(arguments)?;
    gate.ratchet |= arguments.ratchet;
    let commit = engine::binding::commit(&root);
    let runs = stored(&root);
    let card = match &arguments.evidence {
        Some(path) => read(path)?,
        None => newest(&runs, |card| card.evidence.commit == commit)
            .ok_or_else(|| no_evidence(&root, &commit))?,
    };
    let base = match &arguments.base {
        Some(path) => Some(read(path)?),
        None => newest(&runs, |card| card.evidence.commit != commit),
    };
    let now = engine::binding::now();
    let question =
        Question { gate: &gate, card: &card, commit: &commit, now: &now, base: base.as_ref() };
    let reasons = closed_by(&question);
    answer(arguments, &card, &reasons);
    Ok(if reasons.is_empty() { exit::OK } else { exit::FAILED })
}

fn folder(path: &Path) -> PathBuf {
    let folder = if path.is_file() { path.parent().unwrap_or(path) } else { path };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
}

/// The gate that was asked for.
fn gate(arguments: &Arguments) -> Result<Gate, Failure> {
    let has_manifest = arguments.path.is_file() || arguments.path.join(NAME).is_file();
    let Some(name) = &arguments.environment else { return Ok(Gate::default()) };
    if !has_manifest {
        let text = format!("there is no {NAME} in which [gates.{name}] could stand");
        return Err(Failure::usage(text).hint("write one: seaworthy init"));
    }
    let gates = ManifestFile::read(&arguments.path)?.parsed.manifest.gates;
    let known = gates.keys().cloned().collect::<Vec<_>>().join(", ");
    gates.get(name).cloned().ok_or_else(|| {
        let known = if known.is_empty() { "none".to_owned() } else { known };
        Failure::usage(format!("there is no gate {name}; declared are: {known}"))
            .hint(format!("declare it: [gates.{name}]"))
    })
}

fn stored(root: &Path) -> Vec<Scorecard> {
    Store::recent(&root.join(".seaworthy"), 100)
        .iter()
        .filter_map(|run| read(run.folder()).ok())
        .collect()
}

/// The newest whole run that this is true of.
fn newest(runs: &[Scorecard], wanted: impl Fn(&Scorecard) -> bool) -> Option<Scorecard> {
    runs.iter().find(|card| card.score.is_some() && wanted(card)).cloned()
}

fn read(path: &Path) -> Result<Scorecard, Failure> {
    runs::scorecard(path).map_err(|why| {
        Failure::usage(format!("cannot use {}: {why}", path.display()))
            .hint("expected a scorecard of seaworthy prove, as JSON, or the folder of a run")
    })
}

fn no_evidence(root: &Path, commit: &str) -> Failure {
    let commit: String = commit.chars().take(12).collect();
    let of = if commit.is_empty() { String::new() } else { format!(" of commit {commit}") };
    let text = format!("there is no whole run{of} in {}", root.join(".seaworthy").display());
    Failure::usage(text).hint("prove it: seaworthy prove; or name an artifact: --evidence PATH")
}

fn answer(arguments: &Arguments, card: &Scorecard, reasons: &[String]) {
    let to = arguments.environment.as_ref().map(|name| format!(" to {name}")).unwrap_or_default();
    if arguments.format == GateFormat::Json {
        let answer = serde_json::json!({
            "allowed": reasons.is_empty(),
            "reasons": reasons,
            "environment": arguments.environment,
            "run": card.evidence.run,
            "commit": card.evidence.commit,
            "score": card.score,
        });
        screen::data(&format!("{}\n", serde_json::to_string_pretty(&answer).unwrap_or_default()));
        return;
    }
    let styles = screen::stdout_styles();
    let commit: String = card.evidence.commit.chars().take(12).collect();
    let run = &card.evidence.run;
    let score = card.score.map(|score| format!(", score {score:.1}")).unwrap_or_default();
    let of = if commit.is_empty() { String::new() } else { format!(" {commit}") };
    let mut out = if reasons.is_empty() {
        paint(styles.pass, &format!("{}{of} may go{to}", card.service))
    } else {
        paint(styles.fail, &format!("{}{of} may not go{to}", card.service))
    };
    out.push_str(&format!(" (run {run}{score})\n"));
    for reason in reasons {
        out.push_str(&format!("  {reason}\n"));
    }
    screen::data(&out);
}
