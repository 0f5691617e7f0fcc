//! `seaworthy prove`: tries the promises and prints the scorecard.

mod live_run;
mod plan_text;
mod selection;
mod subject;
mod through_edge;

use std::path::PathBuf;

use engine::{Opening, Proof, Proven, Session, Tier, Unconfined};
use model::Reach;
use report::Place;
use settings::controls::EnforcedBy;
use tokio::runtime::Builder;

use super::Format;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::inference::{Inference, LookedAt};
use crate::manifest_file::ManifestFile;
use crate::reports::{self, Opened, Report, Reported};
use crate::target;
use crate::{runs, screen};
use engine::estimate::Earlier;
use engine::timings::Spent;
use live_run::{prove, shown, unless_stopped};
use plan_text::plan_text;
use selection::Selection;
use subject::{Subject, look};
use through_edge::{both, edge_of};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The manifest, or the folder that holds it.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Try only these controls; gives no score.
    #[arg(long, value_name = "ID[,ID]", value_delimiter = ',')]
    only: Vec<String>,
    /// Run only read-only controls against a deployed service you own, for example
    /// https://api.example.com.
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// Try only what decides within about 15 seconds; gives no score.
    #[arg(long)]
    quick: bool,
    /// Try only what failed in the last run; gives no score.
    #[arg(long, conflicts_with = "quick")]
    failed: bool,
    /// Say where the time went.
    #[arg(long)]
    timings: bool,
    /// Try the service alone and then through the edge of seaworthy run, with what [supply] names or
    /// with these controls; the edge's verdicts count.
    #[arg(long, value_name = "ID[,ID]", value_delimiter = ',', num_args = 0.., require_equals = true,
          conflicts_with = "target")]
    supplied: Option<Vec<String>>,
    /// Print what would be tried, and try nothing.
    #[arg(long)]
    plan: bool,
    /// A variable for the service; wins over the manifest.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::pair)]
    env: Vec<(String, String)>,
    /// Make up the same values for secrets as the run with this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Where runs are stored, when that is not `.seaworthy` beside the manifest.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// How many instances of the service may start at once, and four times as many live; the number
    /// of processors by default.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    jobs: Option<u16>,
    /// Let the service really write to this path; everything else that it writes is thrown away.
    #[arg(long, value_name = "PATH")]
    allow_writes_to: Vec<PathBuf>,
    /// How to keep the service away from your files and network, instead of the strongest way that
    /// works here.
    #[arg(long, value_name = "TIER", value_parser = ["namespaces", "landlock", "copies"])]
    isolation: Option<String>,
    /// End with 3 when fewer than this percentage of the applicable controls were decided.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min_coverage: Option<u8>,
    /// How to print the scorecard.
    #[arg(long, value_enum, default_value = "terminal")]
    format: Format,
    /// Write a report, too; several are possible: junit=PATH, sarif=PATH, markdown=PATH, json=PATH,
    /// html=PATH, badge=PATH (SVG, or JSON for shields.io), or github (annotations and the step's
    /// summary).
    #[arg(long, value_name = "KIND=PATH", value_parser = reports::parse)]
    report: Vec<Report>,
    /// The run or scorecard that reports compare with; the run before this one by default.
    #[arg(long, value_name = "PATH")]
    base: Option<PathBuf>,
    /// Print what was inferred, as JSON, and try nothing.
    #[arg(long, hide = true)]
    inferred: bool,
    /// How the service starts; runs as it is given, and wins over the manifest.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut only: Vec<String> = arguments.only.iter().map(|id| id.trim().to_owned()).collect();
    for id in &only {
        super::built(id)?;
    }
    let Subject { mut file, inference } =
        Subject::find(&arguments.path, &arguments.command, arguments.inferred)?;
    let mut manifest = file.parsed.manifest.clone();
    let target = arguments.target.as_deref().map(target::peer).transpose()?;
    if target.is_some() {
        only = within_reach(&only)?;
        // Whoever enforces it: here it is seen.
        manifest.controls.https_only.enforced_by = Some(EnforcedBy::Service);
    }
    variables_keep_their_word(arguments, &manifest)?;
    let edge = arguments.supplied.as_ref().map(|ids| edge_of(ids, &file)).transpose()?;
    let out = absolute(&arguments.out.clone().unwrap_or_else(|| file.root().join(".seaworthy")))?;
    let Selection { only, note } = selection::of(arguments, &manifest, &out, only)?;
    let mut plan = engine::plan(&manifest, &only);
    if arguments.plan {
        let estimate = engine::estimate::estimate(&manifest, &plan, &Earlier::read(&out));
        screen::data(&plan_text(&plan, &estimate));
        return Ok(exit::OK);
    }
    let notes = file.parsed.notes.iter();
    for (line, note) in notes {
        screen::message(&format!("note: {} line {line}: {note}\n", file.path.display()));
    }
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    let mut proof = Proof {
        manifest,
        text: file.text.clone(),
        root: file.root(),
        asked: asked(arguments, &file.parsed.manifest),
        out,
        extra: arguments.env.iter().cloned().collect(),
        seed: arguments.seed.unwrap_or_else(|| fastrand::u64(..)),
        jobs: arguments.jobs.map_or(processors, usize::from),
        target,
        edge: None,
        notes: note.into_iter().collect(),
    };
    remember_earlier_runs(&proof.out);
    let opening = opening(arguments, &file, &proof)?;
    let reports = reports::open(&arguments.report)?;
    let session = session(opening, &proof)?;
    for note in &session.notes {
        screen::message(&format!("note: {note}\n"));
    }
    let from = inference.as_ref().map(Inference::start_file);
    if let Some(inference) = inference.filter(|_| proof.target.is_none()) {
        let looked_at = look(&inference, &session, &proof)?;
        if arguments.inferred {
            print_inferred(&inference, &looked_at)?;
            session.finish()?;
            return Ok(exit::OK);
        }
        file = looked_at.file;
        proof.manifest = file.parsed.manifest.clone();
        proof.text.clone_from(&file.text);
        proof.notes.splice(0..0, looked_at.notes);
        plan = engine::plan(&proof.manifest, &only);
    }
    let place = Place { file: place_of(&file, &from), manifest: file.text.clone() };
    let proven = match edge {
        None => prove(&session, proof, plan),
        Some(edge) => both(&session, proof, plan, edge, &only),
    };
    let shown = proven.and_then(|proven| {
        show(&proven, arguments.format)?;
        report(arguments, &proven, place, reports)?;
        if arguments.timings {
            screen::message(&timings(&proven)?);
        }
        Ok(exit::of(&proven.scorecard, arguments.min_coverage))
    });
    session.finish()?;
    shown
}

/// Enters the runs before this one into the ledger, which lies outside what the confinement lets
/// through; this run follows when anybody asks.
fn remember_earlier_runs(out: &std::path::Path) {
    if !out.is_dir() {
        return;
    }
    // The runs themselves are stored: a ledger that cannot be written loses nothing.
    if let Err(error) = runs::enter(out) {
        screen::message(&format!("note: {error}; seaworthy history will not know the last runs\n"));
    }
}

/// Writes the reports that were asked for.
fn report(
    arguments: &Arguments,
    proven: &Proven,
    place: Place,
    reports: Vec<Opened>,
) -> Result<(), Failure> {
    if reports.is_empty() {
        return Ok(());
    }
    let Proven { scorecard: card, store, redactor } = proven;
    let base = arguments.base.as_deref();
    let base = reports::base(base, &runs_of(store), &card.evidence.run)?;
    Reported { card, store, base, place, redactor }.write(reports)
}

/// The folder that holds the runs of a store.
fn runs_of(store: &engine::store::Store) -> PathBuf {
    let runs = store.folder().parent().and_then(std::path::Path::parent);
    runs.map(PathBuf::from).unwrap_or_default()
}

/// The file that findings belong to, from the root of the repository: the manifest, or the one that
/// the start was inferred from.
fn place_of(file: &ManifestFile, from: &Option<String>) -> String {
    let name = from.clone().unwrap_or_else(|| {
        file.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    });
    let root = file.root();
    let top = root.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(&root);
    let below = root.strip_prefix(top).unwrap_or(&root);
    below.join(name).to_string_lossy().into_owned()
}

/// Refuses variables of the command line that break their declaration.
fn variables_keep_their_word(
    arguments: &Arguments,
    manifest: &settings::Manifest,
) -> Result<(), Failure> {
    for (name, value) in &arguments.env {
        let declared = manifest.environment.get(name);
        if let Some(mistake) = declared.and_then(|variable| variable.mistake_in(value)) {
            return Err(Failure::usage(format!("--env {name} breaks its declaration: {mistake}"))
                .hint(
                    "a baseline that is wrong proves nothing; change the value or the manifest",
                ));
        }
    }
    Ok(())
}

fn opening(arguments: &Arguments, file: &ManifestFile, proof: &Proof) -> Result<Opening, Failure> {
    Ok(Opening {
        program: this_program()?,
        root: file.root(),
        folder: proof.manifest.service.folder.clone(),
        out: proof.out.clone(),
        allow_writes_to: arguments.allow_writes_to.clone(),
        tier: arguments.isolation.as_deref().and_then(Tier::parse),
    })
}

/// What `init` is made of.
fn print_inferred(inference: &Inference, looked_at: &LookedAt) -> Result<(), Failure> {
    let manifest = inference.manifest(looked_at, super::init::JOURNEY)?;
    let all = serde_json::json!({ "manifest": manifest, "journey": looked_at.journey });
    screen::data(&format!("{all}\n"));
    Ok(())
}

/// The path from the root: the current folder is entered anew on the way.
fn absolute(path: &std::path::Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn this_program() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Failure::internal(format!("cannot find this program: {error}")))
}

/// Builds the service and moves this process into its confinement, for which it must have one
/// thread.
fn session(opening: Opening, proof: &Proof) -> Result<Session, Failure> {
    if proof.target.is_some() {
        return Ok(Session::for_target(opening)?);
    }
    let mut unconfined = Unconfined::open(opening)?;
    if let Some(command) = &proof.manifest.service.build {
        shown(Builder::new_current_thread(), |tell, stopped| {
            let unconfined = &mut unconfined;
            async move {
                let build = async { Ok(unconfined.build(command, &tell).await?) };
                unless_stopped(build, stopped).await
            }
        })?;
    }
    Ok(unconfined.confine()?)
}

/// The controls that may be tried on a deployed service; says which are left out.
fn within_reach(only: &[String]) -> Result<Vec<String>, Failure> {
    let chosen = |id: &str| only.is_empty() || only.iter().any(|one| one == id);
    let cards = controls::CONTROLS.iter().map(|control| control.card());
    let (within, beyond): (Vec<_>, Vec<_>) =
        cards.filter(|card| chosen(card.id)).partition(|card| card.reach == Reach::Target);
    let names =
        |cards: &[&model::Card]| cards.iter().map(|card| card.id).collect::<Vec<_>>().join(", ");
    if within.is_empty() {
        let text = format!("{} can only be tried in the lab", names(&beyond));
        return Err(Failure::usage(text).hint("leave --target out"));
    }
    if !beyond.is_empty() {
        screen::message(&format!(
            "left out, because they write, break things or start the service: {}\n\
             journeys are walked only where they are declared safe = true\n",
            names(&beyond)
        ));
    }
    Ok(within.iter().map(|card| card.id.to_owned()).collect())
}

/// The words that repeat this run: the path, and the variables that are no secrets.
fn asked(arguments: &Arguments, manifest: &settings::Manifest) -> String {
    let path = arguments.path.display().to_string();
    let path = (path != ".").then_some(path);
    let is_secret =
        |name: &str| manifest.environment.get(name).is_some_and(settings::Variable::is_secret);
    let open = arguments.env.iter().filter(|(name, _)| !is_secret(name));
    let env = open.flat_map(|(name, value)| ["--env".to_owned(), format!("{name}={value}")]);
    let command = arguments.command.iter().cloned();
    let command = (!arguments.command.is_empty())
        .then(|| std::iter::once("--".to_owned()).chain(command))
        .into_iter()
        .flatten();
    let target = arguments.target.iter().flat_map(|url| ["--target".to_owned(), url.clone()]);
    let supplied = arguments.supplied.iter().map(|ids| {
        if ids.is_empty() {
            "--supplied".to_owned()
        } else {
            format!("--supplied={}", ids.join(","))
        }
    });
    shell_words::join(path.into_iter().chain(target).chain(supplied).chain(env).chain(command))
}

/// Where the time of each experiment went, the longest first.
fn timings(proven: &Proven) -> Result<String, Failure> {
    let mut all = Vec::new();
    for row in &proven.scorecard.controls {
        if let Some(seen) = proven.store.observations(&row.id)? {
            all.push(Spent::of(&row.id, row.seconds, &seen));
        }
    }
    all.sort_by(|one, other| other.seconds.total_cmp(&one.seconds));
    let mut out = format!(
        "{:<20} {:>8} {:>14} {:>16} {:>9}\n",
        "control", "seconds", "starts", "requests", "waiting"
    );
    for spent in &all {
        let starts = format!("{} in {:.1}", spent.starts, spent.starting);
        let requests = format!("{} in {:.1}", spent.requests, spent.asking);
        let (control, seconds, waiting) = (&spent.control, spent.seconds, spent.waiting());
        out.push_str(&format!(
            "{control:<20} {seconds:>8.1} {starts:>14} {requests:>16} {waiting:>9.1}\n"
        ));
    }
    out.push_str("starts and requests that went on at once are added up\n");
    Ok(out)
}

/// Prints the scorecard, and writes the page beside the evidence.
fn show(proven: &Proven, format: Format) -> Result<(), Failure> {
    let Proven { scorecard, store, redactor } = proven;
    let text = super::render(scorecard, store, format)?;
    screen::data(&redactor.mask(&text));
    let page = store.folder().join("report.html");
    let html = super::render(scorecard, store, Format::Html)?;
    std::fs::write(&page, redactor.mask(&html))
        .map_err(|error| Failure::internal(format!("cannot write {}: {error}", page.display())))?;
    let folder = store.folder().display().to_string();
    let folder = shell_words::quote(&folder);
    screen::message(&format!(
        "evidence: {folder} (report.html shows it; seaworthy judge {folder})\n"
    ));
    Ok(())
}
