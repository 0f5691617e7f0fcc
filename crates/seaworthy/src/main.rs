//! `seaworthy`: proves that a backend service is ready for production.

mod command;
mod exit;
mod failure;
mod manifest_file;
mod screen;
mod target;

use std::process::ExitCode;

fn main() -> ExitCode {
    // The keeper is this program too, so that there is one file to install.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == process::keeper::WORD) {
        let record = words.next().unwrap_or_default();
        return match process::keeper::serve(record.as_ref()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => exit::INTERNAL.into(),
        };
    }
    command::run().into()
}
