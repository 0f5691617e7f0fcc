//! What the parts of a run share: what is known, what is measured, where lines go.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use layers::{AccessLog, Concurrency, Flags, HealthState, Metrics, Observe, Ofrep, Routes, Sink};
use redact::{Redactor, Scrubber};
use settings::supply::Http2;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::acme::Acme;
use crate::admin::{self, Admin, Status};
use crate::assembly::Assembly;
use crate::config::{Config, Problem};
use crate::dependency::{DependencyProbe, Recheck, look_after};
use crate::output::Output;
use crate::reload::{Reloader, Reread};
use crate::supervisor::Start;
use crate::tls::Tls;

/// What a run shares between its parts.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) start: Start,
    pub(crate) own: Assembly,
    pub(crate) out: Output,
    pub(crate) err: Output,
    pub(crate) scrubber: Option<Scrubber>,
    pub(crate) tls: Option<Tls>,
}

impl Shared {
    pub(crate) fn new(config: Config, mut start: Start) -> Self {
        let (out, err) = (Output::new(io::stdout()), Output::new(io::stderr()));
        let metrics = Metrics::new(Routes::new(config.routes.iter().cloned()));
        let scrubber = config.supplied.scrub.then(|| scrubber(&config));
        let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
        if config.supplied.metrics.is_some() || config.admin.is_some() {
            sinks.push(Arc::new(metrics.clone()));
        }
        if config.access_log {
            let log = out.clone();
            let private = Routes::new(config.private_paths.iter().cloned());
            let mut log = AccessLog::new(move |line| log.say_soon(line)).private(private);
            if let Some(scrubber) = scrubber.clone() {
                log = log.scrubbed(move |path| scrubber.scrub(path));
            }
            sinks.push(Arc::new(log));
        }
        start.env.extend(config.forced.clone());
        let ids = config.supplied.correlation.as_ref().map(|ids| ids.header.clone());
        let own = Assembly {
            board: HealthState::default(),
            doubt: Recheck::default(),
            flags: Flags::new(config.flags.iter().cloned()),
            observe: Observe::new(sinks).ids(ids),
            concurrency: Concurrency::new(config.concurrency),
            metrics,
        };
        Self { own, out, err, scrubber, tls: None, config, start }
    }

    pub(crate) fn say(&self, text: &str) {
        self.err.say(format!("seaworthy: {text}\n").as_bytes());
    }

    /// Asks every dependency before the service starts, and goes on asking.
    pub(crate) async fn check_dependencies(&self) -> Result<(), Problem> {
        let mut problems = Vec::new();
        let (known, unknown): (Vec<_>, Vec<_>) =
            self.config.dependencies.iter().partition(|dependency| dependency.url.is_some());
        for dependency in unknown {
            let name = &dependency.name;
            self.say(&format!("no variable says where {name} is; it is not looked after"));
        }
        let looks: Vec<_> =
            known.iter().map(|known| DependencyProbe::new((*known).clone())).collect();
        let answers = futures_util::future::join_all(looks.iter().map(answers_at_last)).await;
        for (dependency, answers) in known.into_iter().zip(answers) {
            let name = &dependency.name;
            if !answers {
                let text = format!("{name} ({}) does not answer", dependency.kind.word());
                if dependency.critical { problems.push(text) } else { self.say(&text) }
            }
            self.own.board.set(name, dependency.critical, true);
        }
        if !looks.is_empty() {
            let (board, doubt) = (self.own.board.clone(), self.own.doubt.clone());
            tokio::spawn(look_after(looks, board, self.config.lag, doubt));
        }
        if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
    }

    /// Reads the certificates, and follows their files.
    pub(crate) fn open_tls(&mut self) -> Result<(), Problem> {
        self.tls = Tls::open(&self.config.tls, self.config.http2 != Http2::Off)?;
        if let Some(tls) = self.tls.clone() {
            let err = self.err.clone();
            tokio::spawn(tls.follow(move |text: &str| {
                err.say_soon(format!("seaworthy: {text}\n").as_bytes());
            }));
        }
        Ok(())
    }

    /// The certificate that is ordered.
    pub(crate) fn acme(&self) -> Option<&Acme> {
        self.tls.as_ref().and_then(Tls::acme)
    }

    /// Everything about who asks, and how it is read anew.
    pub(crate) fn reloader(&self, reread: Reread) -> Result<Reloader, Problem> {
        Reloader::begin(&self.config, self.own.clone(), self.err.clone(), reread)
    }

    /// The flags on loopback for the service, whose environment says where.
    pub(crate) async fn serve_flags(&mut self) -> Result<(), Problem> {
        if let Some(file) = self.config.flags_file.clone() {
            let (flags, err) = (self.own.flags.clone(), self.err.clone());
            let told = move |text: &str| err.say(format!("seaworthy: {text}\n").as_bytes());
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
            tokio::spawn(admin::serve_flags(listener, Ofrep(self.own.flags.clone())));
        }
        Ok(())
    }

    pub(crate) fn open_admin(&self, reloader: &Reloader) -> Result<Operators, Problem> {
        let (tell, life) = watch::channel(Status::default());
        let (drain, asked) = watch::channel(false);
        if let Some(path) = &self.config.admin {
            // Until the one before has gone, it is there under another name.
            let own = if self.config.take_over { admin::beside(path) } else { path.clone() };
            let listener = admin::listen(&own).map_err(|error| {
                format!("cannot open the operators' socket {}: {error}", path.display())
            })?;
            let admin = Admin {
                board: self.own.board.clone(),
                flags: self.own.flags.clone(),
                metrics: self.own.metrics.clone(),
                observe: self.own.observe.clone(),
                reloader: reloader.clone(),
                acme: self.acme().cloned(),
                life,
                drain: drain.clone(),
            };
            tokio::spawn(admin::serve(listener, admin));
            Ok(Operators { tell, asked, drain })
        } else {
            Ok(Operators { tell, asked, drain })
        }
    }
}

/// Knows the declared secrets, each line of those that have several too: a key is printed so.
fn scrubber(config: &Config) -> Scrubber {
    let known = Redactor::default();
    for (name, value) in &config.secrets {
        known.learn(name, value);
        let lines = value.lines().filter(|line| line.len() >= 16 && !line.starts_with("-----"));
        for line in lines.filter(|line| line.len() < value.len()) {
            known.learn(name, line);
        }
    }
    Scrubber::new(known, config.masks.clone()).paths(&config.private_paths)
}

async fn answers_at_last(look: &DependencyProbe) -> bool {
    for pause in [100, 400, 0] {
        if tokio::time::timeout(Duration::from_secs(2), look.ask()).await.unwrap_or(false) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    false
}

/// What operators are told, and whether they asked for the end.
pub(crate) struct Operators {
    pub(crate) tell: watch::Sender<Status>,
    pub(crate) asked: watch::Receiver<bool>,
    /// Asks for it.
    pub(crate) drain: watch::Sender<bool>,
}

impl Operators {
    pub(crate) async fn asked(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
