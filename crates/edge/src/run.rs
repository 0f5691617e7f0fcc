//! A run from its first check to its exit code.

mod drain;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use layers::HealthState;
use process::Exit;
use settings::Restart;

use crate::admin::{self, Status};
use crate::config::{Address, Config, Problem};
use crate::descriptors::Places;
use crate::handover::{self, HandedOver, Taken};
use crate::listen::{Given, Reserved};
use crate::orphan_keeper::LastWill;
use crate::reload::{Reloader, Reread};
use crate::shared::{Operators, Shared};
use crate::signals::{Heard, Signals};
use crate::supervisor::{self, Backoff, Became, Life, Start};
use crate::workers::Workers;

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

    /// As one that this signal ended.
    fn by(signal: &str) -> Self {
        let number = process::signal::number(signal);
        Self { code: u8::try_from(128 + number.unwrap_or(0)).unwrap_or(255) }
    }
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
    reread: Reread,
) -> Result<Ended, Problem> {
    // Orphans of the service become ours, as they would in a container.
    process::tree::adopt_orphans().map_err(|error| format!("cannot adopt orphans: {error}"))?;
    let signals =
        Signals::listen().map_err(|error| format!("cannot listen to signals: {error}"))?;
    let taken = config.admin.as_deref().filter(|_| config.take_over).map(Taken::from);
    let mut given = Given::now(taken.transpose()?);
    let addresses = config.addresses.iter().map(|address| given.reserve(address.public));
    let reserved = addresses.collect::<Result<Vec<_>, _>>()?;
    let redirect = config.tls.redirect.map(|address| given.reserve(address)).transpose()?;
    let ground = Reservations { reserved, redirect, before: given.taken };
    let mut shared = Shared::new(config, Start { argv, folder, env });
    shared.open_tls()?;
    let reloader = shared.reloader(reread)?;
    let result = run_with(&mut shared, reloader, signals, ground).await;
    for output in [&shared.out, &shared.err] {
        output.flush(LAST_WORDS);
    }
    result
}

async fn run_with(
    shared: &mut Shared,
    reloader: Reloader,
    mut signals: Signals,
    ground: Reservations,
) -> Result<Ended, Problem> {
    tokio::select! {
        checked = shared.check_dependencies() => checked?,
        signal = signals.stop() => {
            shared.say(&format!("{signal}: stopped before the service was started"));
            return Ok(Ended::by(signal));
        }
    }
    shared.serve_flags().await?;
    let admin = shared.open_admin(&reloader)?;
    let will = LastWill::begin();
    if let Some(mark) = will.mark() {
        // One that is there already belongs to whoever started us, and looks after everything.
        shared.start.env.entry(process::tree::MARK.to_owned()).or_insert(mark);
    }
    let handed_over = HandedOver::default();
    let handing = handed_over.clone();
    let mut run =
        Run { shared, reloader, signals, handed_over: handing, restarts: 0, admin, will: &will };
    let result = run.live(ground).await;
    will.finish();
    process::tree::end_strays();
    if let Some(path) = shared.config.admin.as_ref().filter(|_| !handed_over.is()) {
        for path in [path.clone(), path.with_extension("take")] {
            let _ = std::fs::remove_file(path);
        }
    }
    result
}

/// So long a reader may take for the last lines.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a run comes to its end.
enum Why {
    /// This signal, or an operator.
    Asked(&'static str),
    /// So did an operator.
    Ordered,
    /// The service ended and is not started again.
    Gone(Exit),
}

/// The addresses, as they were had.
struct Reservations {
    reserved: Vec<Reserved>,
    redirect: Option<Reserved>,
    /// Of whom some of them are.
    before: Option<Taken>,
}

struct Run<'a> {
    handed_over: HandedOver,
    shared: &'a Shared,
    reloader: Reloader,
    signals: Signals,
    restarts: u32,
    admin: Operators,
    will: &'a LastWill,
}

impl<'a> Run<'a> {
    async fn live(&mut self, ground: Reservations) -> Result<Ended, Problem> {
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
                let (main, probe) = self.asked();
                let why = crate::diagnose_start::why(&life.service, main, probe).await;
                life.service.kill();
                life.drain_output(Duration::from_secs(1)).await;
                return Err(format!(
                    "the service was not ready within {patience:?} (service.patience) and was killed; {why}"
                ));
            }
            Err(signal) => return Ok(self.stop_service(&life, signal, Instant::now()).await),
        }
        let mut workers = Workers::open(shared, &self.reloader, ground.reserved)?;
        if let Some(redirect) = ground.redirect {
            let listener = self.redirect(redirect, workers.places.clone())?;
            workers.listeners.extend(listener);
        }
        self.take_place(ground.before, &mut workers).await?;
        if let Some(acme) = shared.acme().cloned() {
            let err = shared.err.clone();
            tokio::spawn(acme.keep(move |text: &str| {
                err.say_soon(format!("seaworthy: {text}\n").as_bytes());
            }));
        }
        let all: Vec<_> = shared.config.addresses.iter().map(|a| a.public.to_string()).collect();
        shared.say(&format!("ready, listening on {}", all.join(", ")));
        notify(&[sd_notify::NotifyState::Ready]);
        let supplied = &shared.config.supplied;
        // Whether it hangs is asked in HTTP/1.1.
        let asks = !shared.config.service_http2 || shared.config.life.live.is_some();
        let asks = asks
            && (supplied.live.is_some() || supplied.ready.is_some() || supplied.report.is_some());
        let hanging =
            asks.then(|| tokio::spawn(watch_for_hanging(shared.own.board.clone(), self.look())));
        let why = self.watch(&mut life).await;
        let ended = match why {
            Why::Asked(signal) => self.drain(&life, &mut workers, signal, signal).await,
            Why::Ordered => {
                let signal = shared.config.life.stop_signal;
                self.drain(&life, &mut workers, signal, "an operator's word").await
            }
            Why::Gone(exit) => {
                shared.own.board.drain();
                shared.say(&format!("the service ended, {}", words(exit)));
                life.service.kill();
                workers.close(Duration::from_millis(500)).await;
                Ended::of(exit)
            }
        };
        if let Some(hanging) = hanging {
            hanging.abort();
        }
        life.drain_output(Duration::from_millis(500)).await;
        Ok(ended)
    }

    /// Opens the plain address from which everybody is sent to TLS.
    fn redirect(
        &self,
        reserved: Reserved,
        places: Places,
    ) -> Result<Option<(SocketAddr, std::net::TcpListener)>, Problem> {
        let port = self.main().public.port();
        let words = |error: std::io::Error| format!("cannot redirect: {error}");
        let own = reserved.open().map_err(words)?;
        let another = own.try_clone().ok();
        let another = another.and_then(|own| Some((own.local_addr().ok()?, own)));
        let listener = tokio::net::TcpListener::from_std(own).map_err(words)?;
        let answers = self.shared.acme().map(|acme| acme.answers().clone());
        tokio::spawn(crate::redirect::redirect(listener, port, places, answers));
        Ok(another)
    }

    /// Tells the one before that it may go, and offers the place to the one after.
    async fn take_place(
        &self,
        before: Option<Taken>,
        workers: &mut Workers,
    ) -> Result<(), Problem> {
        if let Some(before) = before {
            // One that has gone meanwhile need not be told.
            let _ = before.serve_instead().await;
            self.shared.say("took over from the one before, which drains");
        }
        let Some(admin) = self.shared.config.admin.as_ref() else { return Ok(()) };
        if self.shared.config.take_over {
            let beside = admin::beside(admin);
            std::fs::rename(&beside, admin)
                .map_err(|error| format!("{}: {error}", admin.display()))?;
        }
        let listeners = std::mem::take(&mut workers.listeners);
        let (drain, done) = (self.admin.drain.clone(), self.handed_over.clone());
        let phase = workers.phase.subscribe();
        handover::offer(admin, listeners, drain, phase, done)
            .map_err(|error| format!("cannot offer to be taken over from: {error}"))
    }

    fn begin(&self) -> Result<Life, Problem> {
        let shared = self.shared;
        let outputs = (&shared.out, &shared.err);
        let life = Life::start(&shared.start, outputs, shared.scrubber.as_ref());
        let life =
            life.map_err(|error| format!("cannot start {}: {error}", shared.start.argv[0]))?;
        self.will.add(life.service.pid());
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
    fn look(&self) -> (SocketAddr, String) {
        let life = &self.shared.config.life;
        match life.live.as_ref().or(life.ready.as_ref()) {
            Some(probe) => (self.address(probe.0.port.as_ref()).service, probe.0.path.clone()),
            None => (self.main().service, "/".to_owned()),
        }
    }

    /// Where the service listens, and what is asked there, or at another port, until it is ready.
    fn asked(&self) -> (SocketAddr, Option<(&'a settings::Probe, SocketAddr)>) {
        let shared: &'a Shared = self.shared;
        let probe = shared.config.life.ready.as_ref();
        let probe = probe.map(|probe| (probe, self.address(probe.0.port.as_ref()).service));
        (self.main().service, probe)
    }

    /// Waits until the service is ready; a signal to stop ends the waiting.
    async fn until_ready(&mut self, life: &Life) -> Result<Became, &'static str> {
        let (main, probe) = self.asked();
        let supplied = self.shared.config.supplied.ready.is_some();
        let config = &self.shared.config;
        let ready = life.ready(main, probe, supplied, config.service_http2, config.life.patience);
        tokio::pin!(ready);
        loop {
            tokio::select! {
                became = &mut ready => {
                    if matches!(became, Became::Ready) {
                        self.shared.own.board.set_started(true);
                    }
                    return Ok(became);
                }
                heard = self.signals.next() => match heard {
                    Heard::Stop(signal) => return Err(signal),
                    Heard::Other(signal) => self.hear(life, signal),
                    Heard::Child => process::tree::reap_adopted(),
                },
            }
        }
    }

    /// A hangup means to read the configuration anew, here and in the service, where the manifest does
    /// not say otherwise.
    fn hear(&self, life: &Life, signal: &'static str) {
        let reload = signal == "SIGHUP";
        if reload {
            // What came of it is said.
            let _ = self.reloader.reload_and_say();
        }
        if !reload || self.shared.config.passes_hangup {
            self.pass_on(life, signal);
        }
    }

    /// Sends a signal to the process that would be asked to stop: a wrapper would die of it.
    fn pass_on(&self, life: &Life, signal: &'static str) {
        let process = life.service.listener(self.main().service.port());
        // One that has ended meanwhile needs no signal.
        let _ = process::signal::send(process, signal);
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
                        self.hear(life, signal);
                        continue;
                    }
                    Heard::Child => {
                        process::tree::reap_adopted();
                        continue;
                    }
                },
                () = self.admin.asked() => return Why::Ordered,
            };
            self.shared.own.board.set_started(false);
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
        let mut lived = life.began.elapsed();
        loop {
            life.service.kill();
            // Who left the tree left it with this life.
            process::tree::end_strays();
            let pause = backoff.next(std::mem::take(&mut lived));
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
                    () = self.admin.asked() => return Some(Why::Ordered),
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
}

/// Asks the service for any answer, again and again: two silences in a row mean that it hangs.
async fn watch_for_hanging(board: HealthState, (at, path): (SocketAddr, String)) {
    let mut silences = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if supervisor::answers(at, &path, Duration::from_secs(2)).await {
            silences = 0;
        } else {
            silences += 1;
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
