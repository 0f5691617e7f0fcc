//! The programs of a database server: found, run to their end or kept running, as somebody else
//! where seaworthy is root.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use process::{Launch, Line, Process, User};

use crate::error::LabError;
use crate::place::Place;

/// The first lines that a program printed.
#[derive(Debug, Clone, Default)]
pub(super) struct Output(Arc<Mutex<Vec<String>>>);

const KEPT_LINES: usize = 40;

impl Output {
    fn keep(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < KEPT_LINES {
            lines.push(line);
        }
    }

    pub(super) fn text(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

/// A password that nobody else has.
pub(super) fn password() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(24).collect()
}

/// The first of these users, where seaworthy is root and the server must not be.
pub(super) fn unprivileged(names: &[&str]) -> Result<Option<User>, String> {
    if !rustix::process::getuid().is_root() {
        return Ok(None);
    }
    let user = names.iter().find_map(|name| process::spawn::user(name));
    let none = || format!("there is no user {} to run it as", names.join(" or "));
    user.map(Some).ok_or_else(none)
}

/// Makes a folder that only the server's user may enter.
pub(super) fn folder_of(user: Option<User>, folder: &Path) -> Result<(), LabError> {
    fs::DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .and_then(|()| give(user, folder))
        .map_err(LabError::file("make", folder))
}

/// Gives a file or folder to the server's user.
pub(super) fn give(user: Option<User>, path: &Path) -> std::io::Result<()> {
    user.map_or(Ok(()), |user| chown(path, Some(user.uid), Some(user.gid)))
}

/// What is started, in this folder.
pub(super) fn launch(
    argv: Vec<String>,
    folder: &Path,
    user: Option<User>,
    place: &Place,
) -> Launch {
    let env = vec![
        ("PATH".to_owned(), "/usr/sbin:/usr/bin:/sbin:/bin".to_owned()),
        ("LC_ALL".to_owned(), "C.UTF-8".to_owned()),
    ];
    Launch { argv, folder: folder.to_owned(), env, user, nice: 0, mark: place.mark() }
}

/// Starts a program that goes on.
pub(super) fn start(launch: &Launch, place: &Place) -> Result<(Process, Output), LabError> {
    let output = Output::default();
    let sink = output.clone();
    let process = Process::start(launch, place.record(), move |line| {
        if let Line::Text { text, .. } = line {
            sink.keep(text);
        }
    });
    let failed = |error| LabError::Dependency {
        what: launch.argv[0].clone(),
        why: format!("it cannot be started: {error}"),
    };
    Ok((process.map_err(failed)?, output))
}

/// Runs a program to its end, which must come within a minute and with code 0. What it printed.
pub(super) async fn run(launch: &Launch, place: &Place) -> Result<String, LabError> {
    let (mut process, output) = start(launch, place)?;
    let exit = process.wait_for(Duration::from_secs(60)).await;
    process.drain(Duration::from_secs(1)).await;
    match exit {
        Some(exit) if exit.code == Some(0) => Ok(output.text()),
        _ => Err(LabError::Dependency { what: launch.argv[0].clone(), why: output.text() }),
    }
}
