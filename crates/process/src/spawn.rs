//! Starting a process with nothing but what it is given, and watching it until it ends.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::output::{self, Line, Stream};
use crate::records::Record;
use crate::signal;
use crate::tree::{self, Entry, Family, MARK};

/// Another user to run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    pub uid: u32,
    pub gid: u32,
}

/// What to start. The environment holds exactly `env` and the mark.
#[derive(Debug, Clone)]
pub struct Launch {
    pub argv: Vec<String>,
    pub folder: PathBuf,
    pub env: Vec<(String, String)>,
    pub user: Option<User>,
    /// How much it leaves the processor to others (nice(2)); 0 is usual.
    pub nice: i32,
    /// The value of [`MARK`].
    pub mark: String,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub at: Instant,
}

/// A process that was started. Dropping it kills its whole tree.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    exit: watch::Receiver<Option<Exit>>,
    pumps: Vec<JoinHandle<()>>,
    family: Family,
    pub started: Instant,
}

impl Process {
    /// Starts it as the leader of a group of its own and captures its output.
    ///
    /// # Errors
    /// When the program cannot be executed.
    pub fn start(
        launch: &Launch,
        record: &Record,
        sink: impl Fn(Line) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let [program, arguments @ ..] = launch.argv.as_slice() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is nothing to run"));
        };
        let mut command = std::process::Command::new(program);
        command
            .args(arguments)
            .current_dir(&launch.folder)
            .env_clear()
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .env(MARK, &launch.mark)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(user) = launch.user {
            command.gid(user.gid).uid(user.uid);
        }
        let started = Instant::now();
        let mut child = tokio::process::Command::from(command).spawn()?;
        let pid = child.id().ok_or_else(|| io::Error::other("the process has no id"))?;
        tree::own(pid, true);
        // What it starts inherits this.
        if launch.nice != 0
            && let Some(pid) = rustix::process::Pid::from_raw(pid.cast_signed())
        {
            let _ = rustix::process::setpriority_process(Some(pid), launch.nice);
        }
        record.process(pid)?;
        let sink: output::Sink = Arc::new(sink);
        let mut pumps = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            pumps.push(tokio::spawn(output::pump(pipe, Stream::Stdout, Arc::clone(&sink))));
        }
        if let Some(pipe) = child.stderr.take() {
            pumps.push(tokio::spawn(output::pump(pipe, Stream::Stderr, sink)));
        }
        let (tell, exit) = watch::channel(None);
        tokio::spawn(async move {
            let status = child.wait().await;
            let at = Instant::now();
            tree::own(pid, false);
            let (code, signal) = status.map_or((None, None), |s| (s.code(), s.signal()));
            let _ = tell.send(Some(Exit { code, signal, at }));
        });
        let family = Family { leaders: vec![pid], mark: launch.mark.clone() };
        Ok(Self { pid, exit, pumps, family, started })
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits until the main process has ended.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        ended.ok().and_then(|exit| *exit).unwrap_or(Exit {
            code: None,
            signal: None,
            at: Instant::now(),
        })
    }

    /// Waits, but no longer than this.
    pub async fn wait_for(&self, longest: Duration) -> Option<Exit> {
        tokio::time::timeout(longest, self.wait()).await.ok()
    }

    /// Signals the main process alone, as an init system would.
    ///
    /// # Errors
    /// When it has already ended.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        match self.exit() {
            Some(_) => Err(io::Error::new(io::ErrorKind::NotFound, "the process has ended")),
            None => signal::send(self.pid, name),
        }
    }

    /// The living members of its tree, the main process included.
    pub fn members(&self) -> Vec<Entry> {
        self.family.members()
    }

    /// What identifies its tree.
    pub fn family(&self) -> &Family {
        &self.family
    }

    /// Kills the whole tree and waits for its end and for the last of its output. Returns who
    /// outlived the main process and who could not be killed.
    pub async fn end(mut self) -> (Vec<Entry>, Vec<Entry>) {
        let outlived = match self.exit() {
            Some(_) => self.family.members(),
            None => Vec::new(),
        };
        let family = self.family.clone();
        let stubborn = tokio::task::spawn_blocking(move || family.kill()).await.unwrap_or_default();
        self.wait_for(Duration::from_secs(5)).await;
        for pump in std::mem::take(&mut self.pumps) {
            let _ = tokio::time::timeout(Duration::from_secs(1), pump).await;
        }
        (outlived, stubborn)
    }

    /// Waits for the last of its output after the main process has ended. A child that lives on
    /// holds the pipe open, so this is bounded.
    pub async fn drain(&mut self, longest: Duration) {
        let deadline = tokio::time::Instant::now() + longest;
        for pump in &mut self.pumps {
            let _ = tokio::time::timeout_at(deadline, pump).await;
        }
        self.pumps.retain(|pump| !pump.is_finished());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.exit().is_none() {
            self.family.kill();
        }
    }
}

/// The user of this name, from the password file.
pub fn user(name: &str) -> Option<User> {
    let file = std::fs::read_to_string("/etc/passwd").ok()?;
    file.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let found = *fields.first()? == name;
        found.then(|| {
            Some(User { uid: fields.get(2)?.parse().ok()?, gid: fields.get(3)?.parse().ok()? })
        })?
    })
}

/// Where a program of this name is, by `PATH` and then by these further folders.
pub fn find_program(name: &str, further: &[&Path]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(further.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|candidate| is_program(candidate))
}

/// The variables of this process that are text, and the names of those that are not.
pub fn environment() -> (BTreeMap<String, String>, Vec<String>) {
    let (mut text, mut odd) = (BTreeMap::new(), Vec::new());
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => drop(text.insert(name, value)),
            (name, _) => {
                odd.push(name.unwrap_or_else(|name| name.to_string_lossy().into_owned()));
            }
        }
    }
    (text, odd)
}

/// Whether a path is a file that may be executed.
pub fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
