//! `seaworthy completions SHELL`: what completes its words in a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use crate::exit::{self, Exit};
use crate::screen;

#[derive(Debug, clap::Args)]
#[command(after_help = "For bash: seaworthy completions bash > \
                        ~/.local/share/bash-completion/completions/seaworthy")]
pub(super) struct Arguments {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut Cli::command(), "seaworthy", &mut text);
    screen::data(&String::from_utf8_lossy(&text));
    exit::OK
}
