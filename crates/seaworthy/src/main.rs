//! `seaworthy`: proves that a backend service is ready for production.

mod command;
mod exit;
mod failure;
mod helper;
mod inference;
mod manifest_file;
mod reports;
mod runs;
mod screen;
mod target;

use std::process::ExitCode;

fn main() -> ExitCode {
    helper::serve().unwrap_or_else(|| command::run().into())
}
