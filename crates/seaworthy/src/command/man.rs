//! `seaworthy man`: the manual pages, made of the same words as `--help`.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_mangen::Man;

use super::Cli;
use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::screen;

#[derive(Debug, clap::Args)]
#[command(after_help = "To read it at once: seaworthy man | man -l -")]
pub(super) struct Arguments {
    /// Write seaworthy.1 and a page for each verb into this folder, instead of printing the first.
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.into {
        Some(folder) => all(folder)?,
        None => {
            let mut text = Vec::new();
            Man::new(Cli::command()).render(&mut text).map_err(|e| failed(Path::new("-"), &e))?;
            screen::data(&String::from_utf8_lossy(&text));
        }
    }
    Ok(exit::OK)
}

fn all(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    clap_mangen::generate_to(Cli::command(), folder).map_err(|error| failed(folder, &error))
}

fn failed(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot write {}: {error}", path.display()))
}
