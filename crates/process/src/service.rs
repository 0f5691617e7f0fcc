//! Starting a service for good: with the environment as it is given, its output on pipes that
//! nobody cuts short, and somebody who waits for its end.

use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use tokio::sync::watch;

use crate::spawn::Exit;
use crate::tree::{self, Entry, Family};

/// A running service. It leads a process group of its own, so that a Ctrl-C at the terminal reaches
/// seaworthy alone.
#[derive(Debug)]
pub struct Service {
    pid: u32,
    exit: watch::Receiver<Option<Exit>>,
}

/// The reading ends of its output.
#[derive(Debug)]
pub struct Pipes {
    pub stdout: File,
    pub stderr: File,
}

impl Service {
    /// Starts it with exactly this environment.
    ///
    /// # Errors
    /// When the program cannot be executed.
    pub fn start<'a>(
        argv: &[String],
        folder: &Path,
        env: impl IntoIterator<Item = (&'a String, &'a String)>,
    ) -> io::Result<(Self, Pipes)> {
        let [program, arguments @ ..] = argv else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is nothing to run"));
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).env_clear().envs(env).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pid = child.id();
        tree::own(pid, true);
        let taken = io::Error::other;
        let stdout = child.stdout.take().ok_or_else(|| taken("it has no stdout"))?;
        let stderr = child.stderr.take().ok_or_else(|| taken("it has no stderr"))?;
        let (tell, exit) = watch::channel(None);
        std::thread::spawn(move || {
            let status = child.wait();
            tree::own(pid, false);
            let (code, signal) = status.map_or((None, None), |s| (s.code(), s.signal()));
            tell.send_replace(Some(Exit { code, signal, at: Instant::now() }));
        });
        let file = |fd: std::os::fd::OwnedFd| File::from(fd);
        let pipes = Pipes { stdout: file(stdout.into()), stderr: file(stderr.into()) };
        Ok((Self { pid, exit }, pipes))
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits for its end.
    pub async fn ended(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        let unknown = Exit { code: None, signal: None, at: Instant::now() };
        ended.ok().and_then(|exit| *exit).unwrap_or(unknown)
    }

    /// The living members of its tree.
    pub fn members(&self) -> Vec<Entry> {
        self.family().members()
    }

    fn family(&self) -> Family {
        Family { leaders: vec![self.pid], mark: String::new() }
    }

    /// Kills what is left of its tree. Returns who could not be killed.
    pub fn kill(&self) -> Vec<Entry> {
        self.family().kill()
    }

    /// The process that listens at a port: the topmost of its tree that does, or the one that was
    /// started. A wrapper such as a shell or npm that passes no signal on is left out that way.
    pub fn listener(&self, port: u16) -> u32 {
        let members = self.members();
        let holds = |pid: u32| {
            crate::sockets::listening(&[pid]).iter().any(|address| address.port() == port)
        };
        let holders: Vec<&Entry> = members.iter().filter(|member| holds(member.pid)).collect();
        let topmost = holders.iter().find(|one| !holders.iter().any(|o| o.pid == one.parent));
        topmost.map_or(self.pid, |entry| entry.pid)
    }
}
