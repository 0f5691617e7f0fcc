//! A run from its first check to its exit code.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use layers::{
    AccessLog, Board, Concurrency, Deadline, Flags, Gates, Health, Metrics, Observe, Ofrep, Routes,
    Sink,
};
use process::Exit;
use redact::{Redactor, Scrubber, Style};
use settings::Restart;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::admin::{self, Admin, Status};
use crate::config::{Address, Config, Place, Problem};
use crate::dependency::{Look, rhythm};
use crate::lines::{Output, Stream};
use crate::listen::Reserved;
use crate::outage::Outage;
use crate::own::Own;
use crate::signals::{Heard, Signals};
use crate::stack::Parts;
use crate::supervisor::{self, Backoff, Became, Life, Start};
use crate::worker::{self, Phase, Site};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The service's own code, or 128 and the signal that ended it.
    pub code: u8,
}

impl Ended {
    fn of(exit: Exit) -> Self {
        let code = match (exit.code, exit.signal) {
            (Some(code), _) => u8::try_from(code & 0xff).unwrap_or(1),
            (None, Some(signal)) => u8::try_from(128 + signal).unwrap_or(255),
            (None, None) => 1,
        };
        Self { code }
    }
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Self::of(Exit { code: status.code(), signal: status.signal(), at: Instant::now() })
    }
}

/// What a run shares between its parts.
struct Shared {
    config: Config,
    start: Start,
    board: Board,
    flags: Flags,
    metrics: Metrics,
    observe: Observe,
    concurrency: Concurrency,
    out: Output,
    err: Output,
    scrubber: Option<Scrubber>,
}

/// Runs the service with everything that is configured until both have ended.
///
/// # Errors
/// What keeps it from starting; nothing is left running then.
pub async fn run(
    config: Config,
    argv: Vec<String>,
    folder: PathBuf,
    env: std::collections::BTreeMap<String, String>,
) -> Result<Ended, Problem> {
    // Orphans of the service become ours, as they would in a container.
    process::tree::adopt_orphans().map_err(|error| format!("cannot adopt orphans: {error}"))?;
    let signals =
        Signals::listen().map_err(|error| format!("cannot listen to signals: {error}"))?;
    let reserved = reserve(&config.addresses)?;
    let mut shared = Shared::new(config, Start { argv, folder, env });
    shared.check_dependencies().await?;
    shared.serve_flags().await?;
    let admin = shared.open_admin()?;
    let result = Run { shared: &shared, signals, restarts: 0, admin }.live(reserved).await;
    shared.out.flush();
    shared.err.flush();
    process::tree::end_strays();
    if let Some(path) = &shared.config.admin {
        let _ = std::fs::remove_file(path);
    }
    result
}

fn reserve(addresses: &[Address]) -> Result<Vec<Reserved>, Problem> {
    let take = |address: &Address| {
        let public = address.public;
        Reserved::take(public).map_err(|error| format!("cannot listen on {public}: {error}"))
    };
    addresses.iter().map(take).collect()
}

impl Shared {
    fn new(config: Config, mut start: Start) -> Self {
        let (out, err) = (Output::new(Stream::Stdout), Output::new(Stream::Stderr));
        let metrics = Metrics::new(Routes::new(config.routes.iter().cloned()));
        let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
        if config.supplied.metrics.is_some() || config.admin.is_some() {
            sinks.push(Arc::new(metrics.clone()));
        }
        if config.access_log {
            let log = out.clone();
            sinks.push(Arc::new(AccessLog::new(move |line| log.write_soon(line))));
        }
        let scrubber = config.supplied.scrub.then(|| {
            let known = Redactor::default();
            for (name, value) in &config.secrets {
                known.learn(name, value);
            }
            Scrubber::new(known, Style::Mask)
        });
        start.env.extend(config.forced.clone());
        Self {
            board: Board::default(),
            flags: Flags::new(config.flags.iter().cloned()),
            observe: Observe::new(sinks),
            concurrency: Concurrency::new(config.concurrency),
            metrics,
            out,
            err,
            scrubber,
            config,
            start,
        }
    }

    fn say(&self, text: &str) {
        self.err.write(format!("seaworthy: {text}\n").as_bytes());
    }

    /// Asks every dependency before the service starts, and goes on asking.
    async fn check_dependencies(&self) -> Result<(), Problem> {
        let (every, within) = rhythm(self.config.lag);
        let mut problems = Vec::new();
        for dependency in &self.config.dependencies {
            let name = dependency.name.clone();
            if dependency.url.is_none() {
                self.say(&format!("no variable says where {name} is; it is not looked after"));
                continue;
            }
            let look = Arc::new(Look::new(dependency.clone()));
            if !answers_at_last(&look).await {
                let text = format!("{name} ({}) does not answer", dependency.kind.word());
                match dependency.critical {
                    true => problems.push(text),
                    false => self.say(&text),
                }
            }
            let (board, critical) = (self.board.clone(), dependency.critical);
            board.set(&name, critical, true);
            tokio::spawn(async move {
                let ask = || {
                    let look = Arc::clone(&look);
                    async move { look.ask().await }
                };
                board.watch(&name, critical, every, within, ask).await;
            });
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }

    /// The flags on loopback for the service, whose environment says where.
    async fn serve_flags(&mut self) -> Result<(), Problem> {
        if let Some(file) = self.config.flags_file.clone() {
            let (flags, err) = (self.flags.clone(), self.err.clone());
            let told = move |text: &str| err.write(format!("seaworthy: {text}\n").as_bytes());
            tokio::spawn(async move { flags.follow(&file, told).await });
        }
        if self.config.flags.is_empty() {
            return Ok(());
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let address = listener.as_ref().map_err(ToString::to_string)?.local_addr();
        let address = address.map_err(|error| error.to_string())?;
        self.start.env.insert("OFREP_ENDPOINT".to_owned(), format!("http://{address}"));
        if let Ok(listener) = listener {
            tokio::spawn(admin::serve_flags(listener, Ofrep(self.flags.clone())));
        }
        Ok(())
    }

    fn open_admin(&self) -> Result<Operators, Problem> {
        let (tell, life) = watch::channel(Status::default());
        let (drain, asked) = watch::channel(false);
        if let Some(path) = &self.config.admin {
            let listener = admin::listen(path).map_err(|error| {
                format!("cannot open the operators' socket {}: {error}", path.display())
            })?;
            let admin = Admin {
                board: self.board.clone(),
                flags: self.flags.clone(),
                metrics: self.metrics.clone(),
                observe: self.observe.clone(),
                life,
                drain,
            };
            tokio::spawn(admin::serve(listener, admin));
            Ok(Operators { tell, asked, _drain: None })
        } else {
            Ok(Operators { tell, asked, _drain: Some(drain) })
        }
    }

    /// What stands before the service on one address.
    fn parts(&self, address: &Address) -> Parts {
        let supplied = &self.config.supplied;
        let here = |place: &Option<Place>| {
            let place = place.as_ref().filter(|place| place.port == address.name)?;
            Some(place.path.clone())
        };
        let report = supplied.report.as_ref().filter(|(port, _)| *port == address.name);
        let health = Health {
            board: self.board.clone(),
            live: here(&supplied.live),
            ready: here(&supplied.ready),
            report: report.map(|(_, report)| report.clone()),
        };
        let mut deadline = Deadline::new(self.config.timeout);
        if let Some(outage) = supplied.outage {
            let board = self.board.clone();
            deadline = deadline.during(outage, move || board.is_degraded());
        }
        Parts {
            observe: self.observe.clone(),
            correlation: supplied.correlation.clone(),
            security_headers: supplied.security_headers.clone(),
            cors: supplied.cors.clone(),
            own: Own {
                health,
                metrics: here(&supplied.metrics).map(|path| (path, self.metrics.clone())),
                observe: self.observe.clone(),
            },
            envelope: supplied.envelope.clone(),
            trusted: Arc::clone(&self.config.trusted),
            proto: self.config.proto.clone(),
            https: supplied.https.clone(),
            concurrency: self.concurrency.clone(),
            gates: (!supplied.gates.is_empty()).then(|| Gates {
                flags: self.flags.clone(),
                gates: Arc::new(supplied.gates.clone()),
            }),
            outage: supplied.outage.map(|_| Outage { board: self.board.clone() }),
            body_limits: supplied.body_limits,
            deadline: Some(deadline),
        }
    }
}

async fn answers_at_last(look: &Look) -> bool {
    for pause in [100, 400, 0] {
        if tokio::time::timeout(Duration::from_secs(2), look.ask()).await.unwrap_or(false) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    false
}

/// What operators are told, and whether they asked for the end.
struct Operators {
    tell: watch::Sender<Status>,
    asked: watch::Receiver<bool>,
    /// Kept so that nobody seems to have asked.
    _drain: Option<watch::Sender<bool>>,
}

impl Operators {
    async fn asked(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The threads that serve.
struct Workers {
    phase: watch::Sender<Phase>,
    done: Vec<oneshot::Receiver<()>>,
}

/// Why a run comes to its end.
enum Why {
    /// This signal, or an operator.
    Asked(&'static str),
    /// The service ended and is not started again.
    Gone(Exit),
}

struct Run<'a> {
    shared: &'a Shared,
    signals: Signals,
    restarts: u32,
    admin: Operators,
}

impl Run<'_> {
    async fn live(&mut self, reserved: Vec<Reserved>) -> Result<Ended, Problem> {
        let shared = self.shared;
        let mut life = self.begin()?;
        match self.until_ready(&life).await {
            Ok(Became::Ready) => {}
            Ok(Became::Ended(exit)) => {
                life.drain_output(Duration::from_secs(1)).await;
                life.service.kill();
                let ended = Ended::of(exit);
                shared.say(&format!("the service ended before it was ready, {}", words(exit)));
                return Ok(Ended { code: ended.code.max(1) });
            }
            Ok(Became::Late) => {
                let patience = shared.config.life.patience;
                life.service.kill();
                life.drain_output(Duration::from_secs(1)).await;
                return Err(format!(
                    "the service was not ready within {patience:?} (service.patience); it was killed"
                ));
            }
            Err(signal) => return Ok(self.stop_service(&life, signal, Instant::now()).await),
        }
        let mut workers = self.open(reserved)?;
        let flushing = tokio::spawn(shared.out.clone().keep_flushing());
        let supplied = &shared.config.supplied;
        let asks = supplied.live.is_some() || supplied.ready.is_some() || supplied.report.is_some();
        let hanging =
            asks.then(|| tokio::spawn(watch_for_hanging(shared.board.clone(), self.look())));
        let why = self.watch(&mut life).await;
        let ended = match why {
            Why::Asked(signal) => self.drain(&life, &mut workers, signal).await,
            Why::Gone(exit) => {
                shared.board.drain();
                shared.say(&format!("the service ended, {}", words(exit)));
                life.service.kill();
                workers.close(Duration::from_millis(500)).await;
                Ended::of(exit)
            }
        };
        if let Some(hanging) = hanging {
            hanging.abort();
        }
        flushing.abort();
        life.drain_output(Duration::from_millis(500)).await;
        Ok(ended)
    }

    fn begin(&self) -> Result<Life, Problem> {
        let shared = self.shared;
        let outputs = (&shared.out, &shared.err);
        let life = Life::start(&shared.start, outputs, shared.scrubber.as_ref());
        let life =
            life.map_err(|error| format!("cannot start {}: {error}", shared.start.argv[0]))?;
        let status =
            Status { pid: life.service.pid(), restarts: self.restarts, began: Some(life.began) };
        self.admin.tell.send_replace(status);
        Ok(life)
    }

    fn main(&self) -> &Address {
        let addresses = &self.shared.config.addresses;
        addresses.iter().find(|address| address.name.is_none()).unwrap_or(&addresses[0])
    }

    fn address(&self, name: Option<&String>) -> &Address {
        let addresses = &self.shared.config.addresses;
        addresses.iter().find(|address| address.name.as_ref() == name).unwrap_or(self.main())
    }

    /// What is asked to see whether the service hangs.
    fn look(&self) -> (std::net::SocketAddr, String) {
        let life = &self.shared.config.life;
        match life.live.as_ref().or(life.ready.as_ref()) {
            Some(probe) => (self.address(probe.0.port.as_ref()).service, probe.0.path.clone()),
            None => (self.main().service, "/".to_owned()),
        }
    }

    /// Waits until the service is ready; a signal to stop ends the waiting.
    async fn until_ready(&mut self, life: &Life) -> Result<Became, &'static str> {
        let config = &self.shared.config;
        let probe = config.life.ready.as_ref();
        let probe = probe.map(|probe| (probe, self.address(probe.0.port.as_ref()).service));
        let main = self.main().service;
        let ready = life.ready(main, probe, config.life.patience);
        tokio::pin!(ready);
        loop {
            tokio::select! {
                became = &mut ready => {
                    if matches!(became, Became::Ready) {
                        self.shared.board.set_started(true);
                    }
                    return Ok(became);
                }
                heard = self.signals.next() => match heard {
                    Heard::Stop(signal) => return Err(signal),
                    Heard::Other(signal) => pass_on(life, signal),
                    Heard::Child => process::tree::reap_adopted(),
                },
            }
        }
    }

    /// Opens the public addresses and starts the workers.
    fn open(&self, reserved: Vec<Reserved>) -> Result<Workers, Problem> {
        let shared = self.shared;
        let mut listeners = Vec::new();
        for (reserved, address) in reserved.into_iter().zip(&shared.config.addresses) {
            let public = address.public;
            let listener = reserved.open();
            let listener =
                listener.map_err(|error| format!("cannot listen on {public}: {error}"))?;
            listeners.push((listener, address, Arc::new(shared.parts(address))));
        }
        let (phase, told) = watch::channel(Phase::Serve);
        let mut done = Vec::new();
        for _ in 0..shared.config.workers.max(1) {
            let sites = listeners.iter().map(|(listener, address, parts)| {
                Ok(Site {
                    listener: listener.try_clone()?,
                    upstream: address.service,
                    parts: Arc::clone(parts),
                    compress: shared.config.supplied.compress,
                    board: shared.board.clone(),
                    head_within: shared.config.header_timeout,
                })
            });
            let sites = sites.collect::<std::io::Result<Vec<_>>>().map_err(|e| e.to_string())?;
            let (tell, ended) = oneshot::channel();
            let told = told.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                if let Ok(runtime) = runtime {
                    // It ends when it is told to, and by nothing else.
                    let _ = runtime.block_on(worker::work(sites, told));
                }
                let _ = tell.send(());
            });
            done.push(ended);
        }
        let addresses: Vec<_> = listeners.iter().map(|(_, a, _)| a.public.to_string()).collect();
        shared.say(&format!("ready, listening on {}", addresses.join(", ")));
        notify(&[sd_notify::NotifyState::Ready]);
        Ok(Workers { phase, done })
    }

    /// Watches over the service until there is a reason to end.
    async fn watch(&mut self, life: &mut Life) -> Why {
        let mut backoff = Backoff::default();
        loop {
            let exit = tokio::select! {
                exit = life.service.ended() => exit,
                heard = self.signals.next() => match heard {
                    Heard::Stop(signal) => return Why::Asked(signal),
                    Heard::Other(signal) => {
                        pass_on(life, signal);
                        continue;
                    }
                    Heard::Child => {
                        process::tree::reap_adopted();
                        continue;
                    }
                },
                () = self.admin.asked() => return Why::Asked(self.shared.config.life.stop_signal),
            };
            self.shared.board.set_started(false);
            let again = match self.shared.config.life.restart {
                Restart::Always => true,
                Restart::OnFailure => exit.code != Some(0),
                Restart::Never => false,
            };
            if !again {
                return Why::Gone(exit);
            }
            if let Some(why) = self.again(life, exit, &mut backoff).await {
                return why;
            }
        }
    }

    /// Starts the service again, as often as it takes.
    async fn again(
        &mut self,
        life: &mut Life,
        mut exit: Exit,
        backoff: &mut Backoff,
    ) -> Option<Why> {
        loop {
            life.service.kill();
            let pause = backoff.next(life.began.elapsed());
            self.shared.say(&format!(
                "the service ended, {}; starting it again in {} ms",
                words(exit),
                pause.as_millis()
            ));
            let until = Instant::now() + pause;
            while Instant::now() < until {
                let left = until.saturating_duration_since(Instant::now());
                tokio::select! {
                    () = tokio::time::sleep(left) => {}
                    heard = self.signals.next() => if let Heard::Stop(signal) = heard {
                        return Some(Why::Asked(signal));
                    },
                    () = self.admin.asked() => return Some(Why::Asked("SIGTERM")),
                }
            }
            self.restarts += 1;
            match self.begin() {
                Ok(begun) => *life = begun,
                Err(problem) => {
                    self.shared.say(&problem);
                    continue;
                }
            }
            match self.until_ready(life).await {
                Ok(Became::Ready) => {
                    self.shared.say("the service is ready again");
                    return None;
                }
                Ok(Became::Ended(ended)) => exit = ended,
                Ok(Became::Late) => {
                    self.shared.say("the service is not ready in time; it is killed");
                    life.service.kill();
                    exit = life.service.ended().await;
                }
                Err(signal) => return Some(Why::Asked(signal)),
            }
        }
    }

    /// Unready, wait, take no more, answer what has come, ask the service to stop.
    async fn drain(&mut self, life: &Life, workers: &mut Workers, signal: &'static str) -> Ended {
        let shared = self.shared;
        let began = Instant::now();
        let drain = shared.config.drain;
        shared.board.drain();
        notify(&[sd_notify::NotifyState::Stopping]);
        shared.say(&format!("{signal}: draining"));
        let hurried = self.wait(drain.unready).await;
        workers.phase.send_replace(Phase::Drain);
        if !hurried {
            let left = drain.within.mul_f64(0.6).saturating_sub(began.elapsed());
            tokio::select! {
                () = workers.ended() => {}
                _ = self.wait(left) => {
                    let count = shared.observe.in_flight();
                    shared.say(&format!("requests that did not end in time: {count}"));
                }
            }
        }
        let ended = self.stop_service(life, signal, began).await;
        workers.close(Duration::from_millis(200)).await;
        ended
    }

    /// Waits so long; a second signal to stop ends the waiting. Returns whether it did.
    async fn wait(&mut self, longest: Duration) -> bool {
        let until = tokio::time::sleep(longest);
        tokio::pin!(until);
        loop {
            tokio::select! {
                () = &mut until => return false,
                heard = self.signals.next() => match heard {
                    Heard::Stop(_) => return true,
                    Heard::Other(_) => {}
                    Heard::Child => process::tree::reap_adopted(),
                },
            }
        }
    }

    /// Asks the service to stop, waits for what is left of the promised time, and kills what is left
    /// of its tree.
    async fn stop_service(&mut self, life: &Life, signal: &'static str, began: Instant) -> Ended {
        let config = &self.shared.config;
        let declared = config.life.stop_signal;
        // A service that was declared to stop by another signal is asked by that one.
        let signal = if declared == "SIGTERM" { signal } else { declared };
        let first = life.service.listener(self.main().service.port());
        let asking = tokio::spawn(ask_to_stop(first, life.service.pid(), signal));
        let left = config.drain.within.saturating_sub(began.elapsed());
        let left = left.max(Duration::from_millis(100));
        let exit = tokio::select! {
            exit = life.service.ended() => Some(exit),
            _ = self.wait(left) => None,
        };
        asking.abort();
        if exit.is_none() {
            self.shared.say(&format!("the service did not end after {signal}; it is killed"));
        }
        life.service.kill();
        life.drain_output(Duration::from_millis(500)).await;
        match exit {
            Some(exit) => Ended::of(exit),
            None => Ended::of(life.service.ended().await),
        }
    }
}

impl Workers {
    async fn ended(&mut self) {
        for done in &mut self.done {
            // Gone is ended, too.
            let _ = done.await;
        }
        self.done.clear();
    }

    /// Ends what is still served.
    async fn close(&mut self, longest: Duration) {
        self.phase.send_replace(Phase::Drain);
        if tokio::time::timeout(longest, self.ended()).await.is_err() {
            self.phase.send_replace(Phase::Stop);
            let _ = tokio::time::timeout(longest, self.ended()).await;
        }
    }
}

/// Asks the process that listens to stop. What it was started by, a shell or npm, is asked only
/// when it does not end by itself then: two signals would hurry a service that had one.
async fn ask_to_stop(first: u32, leader: u32, signal: &'static str) {
    // One that has ended meanwhile needs no signal.
    let _ = process::signal::send(first, signal);
    if first == leader {
        return;
    }
    let lives = |pid: u32| process::tree::find(pid).is_some_and(|entry| !entry.zombie);
    while lives(first) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    if lives(leader) {
        let _ = process::signal::send(leader, signal);
    }
}

/// Sends a signal to the process that was started.
fn pass_on(life: &Life, signal: &'static str) {
    // One that has ended meanwhile needs no signal.
    let _ = process::signal::send(life.service.pid(), signal);
}

/// Asks the service for any answer, again and again: two silences in a row mean that it hangs.
async fn watch_for_hanging(board: Board, (at, path): (std::net::SocketAddr, String)) {
    let mut silences = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        match supervisor::answers(at, &path, Duration::from_secs(2)).await {
            true => silences = 0,
            false => silences += 1,
        }
        board.set_hanging(silences >= 2);
    }
}

fn notify(states: &[sd_notify::NotifyState<'_>]) {
    // Without systemd there is nobody to tell.
    let _ = sd_notify::notify(states);
}

fn words(exit: Exit) -> String {
    match (exit.code, exit.signal) {
        (Some(code), _) => format!("with code {code}"),
        (None, Some(signal)) => format!("by signal {signal}"),
        (None, None) => "nobody knows how".to_owned(),
    }
}
