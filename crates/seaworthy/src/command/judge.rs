//! `seaworthy judge RUN`: from stored observations to verdicts, without the service.

use std::path::PathBuf;

use engine::store::Store;

use super::Format;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::screen;

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
    let out = arguments.out.clone().unwrap_or_else(|| folder.join(".seaworthy"));
    let store = Store::open(&out, &arguments.run)?;
    let card = engine::judge::again(&store)?;
    screen::data(&super::render(&card, &store, arguments.format)?);
    Ok(exit::of(&card, None))
}
