//! A service that was started: probing, signalling and ending it, and seeing what became of it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use model::{Probe as ProbeOutcome, Seen};
use process::{Exit, Process, sockets, tree};

use std::sync::Arc;

use crate::capacity::Permit;
use crate::error::LabError;
use crate::lab::Lab;
use crate::log_file::Follower;
use crate::readiness::{self, Readiness, Target};
use crate::recipe::Mutation;
use crate::recorder::TrialLog;
use crate::unix_socket;
use crate::watch::Watch;

/// The fact that a start waited for a processor, in milliseconds.
pub const WAITED: &str = "milliseconds without a processor";

/// A command that runs when the service is ready for the first time.
#[derive(Debug)]
pub(crate) struct AfterReady {
    /// As the manifest has it, for messages.
    pub(crate) command: String,
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) place: crate::place::Place,
}

/// A service that was started. Its whole tree ends with this value.
#[derive(Debug)]
pub struct Running {
    pub(crate) process: Process,
    pub(crate) audit: Watch,
    pub(crate) log_file: Option<Follower>,
    pub(crate) trial: TrialLog,
    pub(crate) lab: Arc<Lab>,
    pub(crate) ready: Target,
    pub(crate) live: Target,
    /// Where the service's main port is.
    pub(crate) main: SocketAddr,
    /// It is process 1 of a namespace of its own: a child of what was started.
    pub(crate) as_init: bool,
    pub(crate) after_ready: Vec<AfterReady>,
    pub(crate) mutations: Vec<Mutation>,
    pub(crate) starting: Option<Permit>,
    /// The folders that no other instance sees.
    pub(crate) own: Vec<PathBuf>,
}

impl Running {
    /// Waits for the first ready answer, the end of the process or of the patience.
    pub async fn wait_ready(&mut self, patience: Duration) -> Readiness {
        let started = self.process.started;
        let trial = self.trial.clone();
        let saw = move |at, seen| trial.saw_at(at, seen);
        let ended = || self.process.exit().is_some();
        let mut starting = self.starting.take();
        let readiness = {
            // Time in which it was given no processor is not its own.
            let longest = || patience + self.waited_for_processor().min(patience * 2);
            let waiting = readiness::wait(&self.ready, started, longest, ended, saw);
            tokio::pin!(waiting);
            let step = self.lab.works_for();
            loop {
                let worked = self.worked();
                match tokio::time::timeout(step, &mut waiting).await {
                    Ok(readiness) => break readiness,
                    // One that still works goes on holding its place; one that waits gives it up.
                    Err(_) if self.worked().saturating_sub(worked) > step / 3 => {}
                    Err(_) => {
                        drop(starting.take());
                        break waiting.await;
                    }
                }
            }
        };
        drop(starting);
        let readiness = self.and_main_port(readiness, patience).await;
        match &readiness {
            Readiness::Ready { after } => {
                self.trial.saw(Seen::Ready { after: micros(*after) });
                self.saw_waiting();
                self.prepare().await;
                self.check_mutation();
            }
            Readiness::Exited => {
                self.saw_exit().await;
            }
            Readiness::Never => self.saw_never(started.elapsed()).await,
        }
        readiness
    }

    /// Runs the steps after the first ready answer. One that fails is remembered: what needs it
    /// will fail and say so.
    async fn prepare(&mut self) {
        for step in std::mem::take(&mut self.after_ready) {
            let AfterReady { command, argv, env, place } = step;
            let longest = Duration::from_secs(60);
            let result = crate::step::run("after_ready", argv, &place, env, longest, |_| {}).await;
            if let Err(LabError::StepFailed { outcome, output, .. }) = result {
                self.trial.saw(Seen::StepFailed { command, outcome, output });
            }
        }
    }

    /// Where the probe has a port of its own, it may be answered before the main port is open:
    /// the service is ready when both are.
    async fn and_main_port(&self, readiness: Readiness, patience: Duration) -> Readiness {
        if self.ready.peer.address == self.main || !matches!(readiness, Readiness::Ready { .. }) {
            return readiness;
        }
        let started = self.process.started;
        while started.elapsed() < patience && self.process.exit().is_none() {
            if tokio::net::TcpStream::connect(self.main).await.is_ok() {
                return Readiness::Ready { after: started.elapsed() };
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        if self.process.exit().is_some() { Readiness::Exited } else { Readiness::Never }
    }

    fn pids(&self) -> Vec<u32> {
        self.process.members().iter().map(|member| member.pid).collect()
    }

    fn waited_for_processor(&self) -> Duration {
        tree::waited_for_processor(&self.pids())
    }

    /// How long its busiest thread has used a processor or waited for one.
    fn worked(&self) -> Duration {
        tree::wanted_processor(&self.pids())
    }

    /// How much of its start it spent waiting for a processor: a slow start on a busy machine is
    /// the machine's.
    fn saw_waiting(&self) {
        let value = i64::try_from(self.waited_for_processor().as_millis());
        let (name, value) = (WAITED.to_owned(), value.unwrap_or_default());
        self.trial.saw(Seen::Fact { name, about: String::new(), value });
    }

    /// Asks for readiness again for a while; stops at the first answer that is not accepted.
    pub async fn stays_ready(&mut self, how_long: Duration) {
        let until = Instant::now() + how_long;
        while Instant::now() < until {
            let (result, exchange) = self.ready.ask(Duration::from_secs(5)).await;
            let accepted = result.is_accepted();
            let took = micros(exchange.took);
            self.trial.saw(Seen::Probed { probe: "ready".to_owned(), result, took_us: took });
            if !accepted {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        if self.process.exit().is_some() {
            self.saw_exit().await;
        }
    }

    async fn saw_exit(&mut self) -> Exit {
        let exit = self.process.wait().await;
        self.process.drain(Duration::from_millis(300)).await;
        self.finish_log();
        let Exit { code, signal, at } = exit;
        self.trial.saw_at(at, Seen::Exited { pid: self.process.pid(), code, signal });
        self.saw_left_behind();
        exit
    }

    fn finish_log(&self) {
        if let Some(log_file) = &self.log_file {
            log_file.finish();
        }
    }

    fn saw_left_behind(&self) {
        let members = self.process.members();
        if !members.is_empty() {
            let processes = members.iter().map(|m| format!("{} ({})", m.name, m.pid)).collect();
            self.trial.saw(Seen::LeftBehind { processes });
        }
    }

    async fn saw_never(&mut self, waited: Duration) {
        let members: Vec<_> = self.process.members().iter().map(|member| member.pid).collect();
        let listening = sockets::listening(&members);
        let told = self.ready.peer.address;
        // The right port at another address, such as [::1] alone, is elsewhere, too.
        let is_ours = |address: &&SocketAddr| {
            let ip = address.ip();
            address.port() == told.port() && (ip.is_unspecified() || ip == told.ip())
        };
        let port_open = listening.iter().any(|address| is_ours(&address));
        let elsewhere: Vec<_> =
            listening.iter().filter(|address| !is_ours(address)).map(ToString::to_string).collect();
        let alive = self.process.exit().is_none();
        self.trial.saw(Seen::NeverReady { waited: micros(waited), alive, port_open });
        if port_open {
            self.saw_tls(told).await;
        } else if !elsewhere.is_empty() {
            self.trial.saw(Seen::ListensElsewhere { addresses: elsewhere });
        } else if let Some(path) = unix_socket::served_by(&members).await {
            self.trial.saw(Seen::ServesUnixSocket { path });
        }
        self.check_mutation();
    }

    /// Whether its open port speaks TLS, where that is not what was expected.
    async fn saw_tls(&self, at: SocketAddr) {
        let expected = self.ready.peer.tls.is_on();
        let port = at.port();
        match client::old_tls::is_tls(at, Duration::from_secs(1)).await {
            true if !expected => self.trial.saw(Seen::SpeaksTls { port }),
            false if expected => self.trial.saw(Seen::SpeaksNoTls { port }),
            _ => {}
        }
    }

    /// Whether the mutations took effect: no process of the tree was given a variable with another
    /// value, and no shadowed file was opened.
    fn check_mutation(&self) {
        if self.mutations.is_empty() {
            return;
        }
        for mutation in &self.mutations {
            self.check_one(mutation);
        }
        for file in self.lab.shadow.opened_since(self.process.started) {
            self.trial.saw(Seen::ShadowBypassed { file: file.display().to_string() });
        }
    }

    fn check_one(&self, Mutation { variable, value }: &Mutation) {
        let declared = self.lab.manifest.environment.get(variable);
        if declared.is_some_and(|declared| declared.via != settings::Via::Environment) {
            return;
        }
        // Behind an edge, the service gets what the edge makes of its environment.
        let edge = self.lab.edge.is_some();
        let given = |pid: u32| !edge || pid == self.process.pid();
        for member in self.process.members().into_iter().filter(|m| given(m.pid)) {
            let found = tree::variable(member.pid, variable);
            if found.is_some() && found.as_ref() != value.as_ref() {
                let by = format!("{} ({})", member.name, member.pid);
                self.trial.saw(Seen::Resupplied { variable: variable.clone(), by });
            }
        }
    }

    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Files outside its own folders that it holds open for writing: other instances would have them
    /// open, too. Logs are none of them.
    pub fn shared_files(&self) -> Vec<PathBuf> {
        let is_own = |path: &PathBuf| self.own.iter().any(|folder| path.starts_with(folder));
        let mut all = process::files::open_for_writing(&self.pids());
        all.retain(|path| !is_own(path) && !path.starts_with("/var/log"));
        all
    }

    /// Sends the readiness probe once and records it.
    pub async fn ask_ready(&self, trial: &TrialLog, within: Duration) -> ProbeOutcome {
        probe(trial, "ready", &self.ready, within).await
    }

    /// Sends the liveness probe once and records it.
    pub async fn ask_live(&self, trial: &TrialLog, within: Duration) -> ProbeOutcome {
        probe(trial, "live", &self.live, within).await
    }

    /// Signals every process of its tree, and records the main one.
    pub fn signal_tree(&self, trial: &TrialLog, signal: &str) {
        for member in self.process.members() {
            // One that has ended in between needs no signal.
            let _ = process::signal::send(member.pid, signal);
        }
        let (signal, pid) = (signal.to_owned(), self.process.pid());
        trial.saw(Seen::Signalled { signal, pid });
    }

    /// Waits until every process of its tree is stopped.
    pub async fn wait_stopped(&self, longest: Duration) -> bool {
        let deadline = Instant::now() + longest;
        loop {
            if self.process.members().iter().all(|member| member.stopped) {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Sends the stop signal to the one process that an init system would signal.
    pub fn ask_to_stop(&self) -> bool {
        let signal = self.lab.manifest.service.stop_signal.name();
        let pid = self.main_pid();
        let sent = self.process.exit().is_none() && process::signal::send(pid, signal).is_ok();
        if sent {
            self.trial.saw(Seen::Signalled { signal: signal.to_owned(), pid });
        }
        sent
    }

    /// The process that an init system would signal.
    pub fn main_pid(&self) -> u32 {
        let pid = self.process.pid();
        if !self.as_init {
            return pid;
        }
        let child = self.process.members().into_iter().find(|member| member.parent == pid);
        child.map_or(pid, |child| child.pid)
    }

    /// Waits for its end, records it and what it left behind.
    pub async fn wait_exit(&mut self, longest: Duration) -> Option<Exit> {
        self.process.wait_for(longest).await?;
        Some(self.saw_exit().await)
    }

    /// Asks it to stop as an init system would, and waits; what is left then is killed. Returns
    /// how it ended by itself, if it did.
    pub async fn stop(mut self, patience: Duration) -> Option<Exit> {
        let mut exit = None;
        if self.ask_to_stop() {
            exit = self.wait_exit(patience).await;
        }
        self.kill().await;
        exit
    }

    /// Ends the whole tree at once.
    pub async fn kill(self) {
        self.audit.finish();
        let log_file = self.log_file;
        self.process.end().await;
        if let Some(log_file) = log_file {
            log_file.finish();
        }
    }
}

async fn probe(trial: &TrialLog, name: &str, target: &Target, within: Duration) -> ProbeOutcome {
    let (result, exchange) = target.ask(within).await;
    let took = micros(exchange.took);
    trial.saw(Seen::Probed { probe: name.to_owned(), result: result.clone(), took_us: took });
    result
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
