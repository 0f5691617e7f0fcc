//! One file for each verb.

mod admin;
mod audit;
mod check;
mod completions;
mod diff;
mod explain;
mod gate;
mod history;
mod init;
mod judge;
mod list;
mod man;
mod prove;
mod run;
mod supply;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand, ValueEnum};
use engine::store::Store;
use model::Scorecard;
use report::style::paint;

use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::screen;

/// Proves that a backend service is ready for production.
#[derive(Debug, Parser)]
#[command(name = "seaworthy", version, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = "Exit codes: 0 ready, 1 a control failed, 2 usage or manifest, 3 coverage \
                        below --min-coverage, 4 internal error, 130 interrupted.")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Try the service's promises and print its scorecard.
    Prove(prove::Arguments),
    /// Look whether the manifest, the environment and the dependencies are as they must be.
    Check(check::Arguments),
    /// Read a readiness document and say which of its claims the evidence bears out.
    Audit(audit::Arguments),
    /// Write the manifest that this repository and its running service amount to.
    Init(init::Arguments),
    /// List every control of the catalogue.
    List(list::Arguments),
    /// Explain a control: what it means, how it is tried, what to do when it breaks.
    Explain(explain::Arguments),
    /// Judge a stored run again, without the service.
    Judge(judge::Arguments),
    /// Say from stored evidence whether this commit may go to an environment.
    Gate(gate::Arguments),
    /// List the runs that are known: what went better or worse, and what wavers.
    History(history::Arguments),
    /// Show what is different between two runs.
    Diff(diff::Arguments),
    /// Start the service, supervise it, and supply what it lacks.
    Run(run::Arguments),
    /// Show what seaworthy run can supply, and which lines of the manifest would mend failures.
    Supply(supply::Arguments),
    /// Print completions for a shell: bash, zsh, fish, elvish or powershell.
    Completions(completions::Arguments),
    /// Print the manual page, or one for each verb into a folder.
    Man(man::Arguments),
    /// Look into a running `seaworthy run` of this machine, and change it.
    Admin(admin::Arguments),
}

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Terminal,
    /// For programs; the schema is docs/reference/scorecard.schema.json.
    Json,
    /// A page that stands alone and is safe to upload.
    Html,
}

/// A scorecard in a format; the page needs what was seen as well.
fn render(card: &Scorecard, store: &Store, format: Format) -> Result<String, Failure> {
    Ok(match format {
        Format::Json => report::json::scorecard(card),
        Format::Html => report::html::page(card, &engine::judge::evidence(store, card)?),
        Format::Terminal => {
            let width = screen::width().unwrap_or(100);
            report::terminal::scorecard(card, &screen::stdout_styles(), width)
        }
    })
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Runs the program.
pub(crate) fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let text = if screen::stderr_styles().fail == anstyle::Style::default() {
                error.render().to_string()
            } else {
                error.render().ansi().to_string()
            };
            if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
                screen::data(&text);
                return exit::OK;
            }
            screen::message(&text);
            return exit::USAGE;
        }
    };
    let result = match &cli.verb {
        Verb::Prove(arguments) => prove::run(arguments),
        Verb::Check(arguments) => check::run(arguments),
        Verb::Audit(arguments) => audit::run(arguments),
        Verb::Init(arguments) => init::run(arguments),
        Verb::List(arguments) => Ok(list::run(arguments)),
        Verb::Explain(arguments) => explain::run(arguments),
        Verb::Judge(arguments) => judge::run(arguments),
        Verb::Gate(arguments) => gate::run(arguments),
        Verb::History(arguments) => history::run(arguments),
        Verb::Diff(arguments) => diff::run(arguments),
        Verb::Run(arguments) => run::run(arguments),
        Verb::Supply(arguments) => supply::run(arguments),
        Verb::Completions(arguments) => Ok(completions::run(arguments)),
        Verb::Man(arguments) => man::run(arguments),
        Verb::Admin(arguments) => admin::run(arguments),
    };
    result.unwrap_or_else(|failure| show(&failure))
}

fn show(failure: &Failure) -> Exit {
    let styles = screen::stderr_styles();
    // A rendered manifest carries its own headings.
    let heading = if failure.message.contains("error") && failure.message.contains("-->") {
        String::new()
    } else {
        format!("{} ", paint(styles.fail, "error:"))
    };
    screen::message(&format!("{heading}{}\n", failure.message));
    if let Some(hint) = &failure.hint {
        screen::message(&format!("{} {hint}\n", paint(styles.strong, "hint:")));
    }
    failure.exit
}

/// The built control with this id, or what to say.
fn built(id: &str) -> Result<&'static dyn controls::Control, Failure> {
    if let Some(control) = controls::find(id) {
        return Ok(control);
    }
    if model::catalogue::find(id).is_some() {
        let ids: Vec<_> = controls::CONTROLS.iter().map(|control| control.card().id).collect();
        return Err(Failure::usage(format!("{id} is in the catalogue but not built yet"))
            .hint(format!("this version tries {}", ids.join(", "))));
    }
    let near = settings::parse::nearest(id, model::catalogue::ENTRIES.iter().map(|entry| entry.id));
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None => "seaworthy list shows every control".to_owned(),
    };
    Err(Failure::usage(format!("there is no control {id:?}")).hint(hint))
}
