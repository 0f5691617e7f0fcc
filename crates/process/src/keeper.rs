//! A small process that outlives seaworthy by a moment: it holds one end of a pipe and, when the
//! other end closes for whatever reason, ends everything that the run's record lists.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::{records, tree};

/// The word by which the program is asked to be the keeper.
pub const WORD: &str = "__keeper";

/// The living keeper of this run.
#[derive(Debug)]
pub struct Keeper {
    child: Child,
}

impl Keeper {
    /// Starts `program __keeper RECORD` in a process group of its own, so that a Ctrl-C at the
    /// terminal does not reach it.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(program: &Path, record: &Path) -> io::Result<Self> {
        let child = Command::new(program)
            .arg(WORD)
            .arg(record)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        tree::own(child.id(), true);
        Ok(Self { child })
    }

    /// Lets go of the pipe and waits until everything is cleaned up.
    ///
    /// # Errors
    /// When the keeper cannot be waited for.
    pub fn finish(mut self) -> io::Result<()> {
        drop(self.child.stdin.take());
        self.child.wait().map(|_| ())
    }
}

/// The keeper's whole life.
///
/// # Errors
/// When the run's folder could not be removed.
pub fn serve(record: &Path) -> io::Result<()> {
    let mut end = Vec::new();
    // Nothing is ever sent: reading returns when the last holder of the other end is gone.
    let _ = io::stdin().read_to_end(&mut end);
    match records::clean(record) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
