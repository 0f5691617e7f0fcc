//! `seaworthy judge RUN`: from stored observations to verdicts, without the service.

use std::path::PathBuf;

use engine::store::Store;

use super::Format;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::manifest_file::NAME;
use crate::reports::{self, Report, Reported};
use crate::{runs, screen};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A run's folder, its id, or `last`.
    #[arg(default_value = "last")]
    run: String,
    /// The folder of the service whose runs are meant.
    #[arg(long, default_value = ".", value_name = "PATH")]
    service: PathBuf,
    /// Where runs are stored, when that is not `.seaworthy` beside the manifest.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write a report, too, as with `prove`.
    #[arg(long, value_name = "KIND=PATH", value_parser = reports::parse)]
    report: Vec<Report>,
    /// The run or scorecard that reports compare with; the newest other run by default.
    #[arg(long, value_name = "PATH")]
    base: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value = "terminal")]
    format: Format,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let folder = if arguments.service.is_file() {
        arguments.service.parent().map(PathBuf::from).unwrap_or_default()
    } else {
        arguments.service.clone()
    };
    let out = runs::folder(&arguments.service, arguments.out.as_ref());
    let store = Store::open(&out, &arguments.run)?;
    let card = engine::judge::again(&store)?;
    screen::data(&super::render(&card, &store, arguments.format)?);
    let base = reports::base(arguments.base.as_deref(), &out, &card.evidence.run)?;
    let manifest = std::fs::read_to_string(folder.join(NAME)).unwrap_or_default();
    let place = report::Place { file: NAME.to_owned(), manifest };
    // What is stored is masked already.
    let redactor = redact::Redactor::default();
    let reported = Reported { card: &card, store: &store, base, place, redactor: &redactor };
    reported.write(reports::open(&arguments.report)?)?;
    Ok(exit::of(&card, None))
}
