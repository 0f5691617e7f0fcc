//! One instance of the service: its folder, ports and databases, and its runs on them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client::{Peer, Tls};
use model::Seen;
use model::observation::Stream;
use process::{Launch, Line, Process};
use settings::{Port, Probe};

use crate::capacity::Permit;
use crate::dependency::{Link, TableLock};
use crate::error::LabError;
use crate::fault::{Fault, Proxy, Traffic};
use crate::lab::{Lab, located};
use crate::log_file::Follower;
use crate::place::Place;
use crate::ports::Lease;
use crate::readiness::Target;
use crate::recipe::{Mutation, Provided};
use crate::recorder::TrialLog;
use crate::running::{AfterReady, Running};
use crate::watch::Watch;
use crate::workspace::Workspace;
use crate::world::World;

/// Makes what follows process 1 of a namespace, which ends with it (util-linux).
pub(crate) const UNSHARE: &[&str] =
    &["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "--"];

/// What a service is started on. It can be started several times, on the state that the last time
/// left behind.
#[derive(Debug)]
pub struct Instance {
    lab: Arc<Lab>,
    place: Place,
    workspace: Workspace,
    world: Arc<World>,
    links: Vec<Link>,
    lease: Lease,
    leases: BTreeMap<String, Lease>,
    /// Behind an edge: where the service itself listens, as the edge's words and as numbers.
    inner: Option<Behind>,
    /// The steps after the first ready answer have been handed to a running service.
    prepared: bool,
    _slot: Permit,
}

/// The ports of a service behind an edge.
#[derive(Debug)]
struct Behind {
    lease: Lease,
    leases: BTreeMap<String, Lease>,
}

impl Instance {
    pub(crate) fn new(
        lab: Arc<Lab>,
        world: Arc<World>,
        place: Place,
        workspace: Workspace,
        links: Vec<Link>,
        slot: Permit,
    ) -> Result<Self, LabError> {
        let own = match lab.manifest.service.port {
            Some(Port::Fixed(port)) => place.fixed_port(port)?,
            _ => place.port()?,
        };
        let named = || {
            let names = lab.manifest.service.ports.iter();
            names.map(|name| Ok((name.clone(), place.port()?))).collect::<Result<_, LabError>>()
        };
        let leases = named()?;
        let (lease, inner) = match &lab.edge {
            None => (own, None),
            Some(_) => (place.port()?, Some(Behind { lease: own, leases: named()? })),
        };
        let prepared = false;
        Ok(Self {
            lab,
            world,
            place,
            workspace,
            links,
            lease,
            leases,
            inner,
            prepared,
            _slot: slot,
        })
    }

    /// Starts the service, with one variable changed where a mutation is given.
    ///
    /// # Errors
    /// When the lab fails. A service that cannot be executed is an observation, and `None`.
    pub async fn start(
        &mut self,
        trial: &TrialLog,
        mutation: Option<&Mutation>,
    ) -> Result<Option<Running>, LabError> {
        let mutations: Vec<Mutation> = mutation.cloned().into_iter().collect();
        self.launch(trial, &mutations, &[]).await
    }

    /// Starts the service with several variables changed.
    ///
    /// # Errors
    /// When the lab fails.
    pub async fn start_with(
        &mut self,
        trial: &TrialLog,
        mutations: &[Mutation],
    ) -> Result<Option<Running>, LabError> {
        self.launch(trial, mutations, &[]).await
    }

    /// Starts the service as process 1 of a namespace of its own, as in a container, where the
    /// system allows it ([`crate::Bench::init_is_possible`]).
    ///
    /// # Errors
    /// When the lab fails.
    pub async fn start_as_init(&mut self, trial: &TrialLog) -> Result<Option<Running>, LabError> {
        self.launch(trial, &[], UNSHARE).await
    }

    async fn launch(
        &mut self,
        trial: &TrialLog,
        mutations: &[Mutation],
        wrapper: &[&str],
    ) -> Result<Option<Running>, LabError> {
        let provided = self.provided();
        for one in &self.links {
            let label = format!("{}.password", one.name);
            self.lab.redactor.learn(&label, &one.address.password);
        }
        let recipe = self.lab.resolve(&provided, mutations);
        for (name, text) in &recipe.files {
            self.workspace.write(name, text)?;
        }
        if self.world.is_to_be_filled() {
            for step in &self.lab.manifest.service.setup {
                self.lab
                    .run_step("set-up", step, &self.workspace, &self.links, &self.place)
                    .await?;
            }
        }
        for mutation in mutations {
            self.saw_mutation(trial, mutation);
        }
        let argv = located(recipe.argv, &self.workspace);
        let launch = self.what_is_launched(&argv, recipe.env, mutations, wrapper);
        let starting = self.lab.may_start(self.world.priority).await;
        let log_file = self.follow_log(trial)?;
        let _ = self.lab.shadow.opened_since(Instant::now());
        let sink = trial.clone();
        let process = Process::start(&launch, self.place.record(), move |line| record(&sink, line));
        let process = match process {
            Ok(process) => process,
            Err(error) => {
                trial.saw(Seen::NotStarted { reason: format!("{}: {error}", argv[0]) });
                return Ok(None);
            }
        };
        let pid = process.pid();
        let port = self.lease.port;
        trial.saw_at(process.started, Seen::Started { pid, command: argv, port });
        let audit = self.audit(&process, trial);
        let after_ready = if !std::mem::replace(&mut self.prepared, true) {
            self.after_ready()
        } else {
            Vec::new()
        };
        Ok(Some(Running {
            process,
            audit,
            log_file,
            trial: trial.clone(),
            lab: Arc::clone(&self.lab),
            ready: self.target("ready"),
            live: self.target("live"),
            main: self.address(),
            as_init: !wrapper.is_empty(),
            after_ready,
            mutations: mutations.to_vec(),
            starting: Some(starting),
            own: self.own_folders(),
        }))
    }

    fn what_is_launched(
        &self,
        argv: &[String],
        of_recipe: impl IntoIterator<Item = (String, String)>,
        mutations: &[Mutation],
        wrapper: &[&str],
    ) -> Launch {
        let mut env = self.lab.base_environment(&self.workspace);
        env.extend(of_recipe);
        // A mutation takes a variable away even where the allow-list would pass it on.
        for Mutation { variable, .. } in mutations.iter().filter(|one| one.value.is_none()) {
            env.remove(variable);
        }
        let edge = self.edge_words();
        let wrapped = wrapper.iter().map(|word| (*word).to_owned());
        let wrapped = wrapped.chain(edge).chain(argv.iter().cloned()).collect();
        let own: Vec<u16> = self.ports().into_iter().chain(self.ports_behind()).collect();
        Launch {
            argv: self.lab.confined(wrapped, &self.workspace, &self.links, &own),
            folder: self.place.record().folder().to_owned(),
            env: env.into_iter().collect(),
            user: None,
            nice: self.world.priority.nice(),
            mark: self.place.mark(),
        }
    }

    /// The folders that no other instance sees.
    fn own_folders(&self) -> Vec<PathBuf> {
        let workspace = &self.workspace;
        let all = [
            self.lab.root.as_path(),
            &workspace.inside,
            &workspace.outside,
            workspace.home(),
            workspace.temporary(),
            self.place.record().folder(),
        ];
        all.map(std::path::Path::to_owned).to_vec()
    }

    fn saw_mutation(&self, trial: &TrialLog, mutation: &Mutation) {
        if self.is_secret(&mutation.variable)
            && let Some(value) = &mutation.value
        {
            self.lab.redactor.learn(&mutation.variable, value);
        }
        let (variable, value) = (mutation.variable.clone(), mutation.value.clone());
        trial.saw(Seen::Mutated { variable, value });
    }

    /// Reads what it will write to its log file, where one is declared.
    fn follow_log(&self, trial: &TrialLog) -> Result<Option<Follower>, LabError> {
        let Some(name) = &self.lab.manifest.service.log_file else { return Ok(None) };
        Ok(Some(Follower::start(&self.workspace.seen_from_outside(name), trial)))
    }

    /// Where the service answers.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip(), self.lease.port)
    }

    /// The service as a client speaks to it.
    pub fn peer(&self) -> Peer {
        // Nobody signs a certificate for a service in a lab.
        let tls = if self.lab.manifest.service.tls { Tls::Unverified } else { Tls::Off };
        Peer { tls, ..Peer::from(self.address()) }
    }

    /// Another of its ports, by its name in `service.ports`.
    pub fn named_port(&self, name: &str) -> Option<u16> {
        self.leases.get(name).map(|lease| lease.port)
    }

    /// Every port that it was told to listen on.
    pub fn ports(&self) -> Vec<u16> {
        let more = self.leases.values().map(|lease| lease.port);
        std::iter::once(self.lease.port).chain(more).collect()
    }

    /// The ports at which the service itself listens behind an edge; none without one.
    pub fn ports_behind(&self) -> Vec<u16> {
        let behind = self.inner.iter();
        let all = behind.flat_map(|behind| {
            std::iter::once(&behind.lease).chain(behind.leases.values()).map(|lease| lease.port)
        });
        all.collect()
    }

    /// The folder in which it runs, as it can be looked into from here.
    pub fn folder_from_outside(&self) -> &std::path::Path {
        &self.workspace.outside
    }

    fn ip(&self) -> IpAddr {
        let ip = self.lab.manifest.service.host.parse();
        let ip = ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        if ip.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { ip }
    }

    /// The values of its variables, for those who must know what the service was given.
    pub fn values(&self) -> std::collections::BTreeMap<String, String> {
        self.lab.resolve(&self.provided(), &[]).values
    }

    fn proxy(&self, dependency: &str) -> Option<&Proxy> {
        self.links.iter().find(|link| link.name == dependency)?.proxy.as_ref()
    }

    /// Puts a fault between the service and a dependency, and records it with the traffic so far.
    pub async fn fault(&self, trial: &TrialLog, dependency: &str, fault: Fault, words: &str) {
        self.saw_traffic(trial, dependency);
        if let Some(proxy) = self.proxy(dependency) {
            proxy.set(fault).await;
            let (dependency, fault) = (dependency.to_owned(), words.to_owned());
            trial.saw(Seen::FaultSet { dependency, fault });
        }
    }

    /// Takes the fault away.
    pub async fn heal(&self, trial: &TrialLog, dependency: &str) {
        self.saw_traffic(trial, dependency);
        if let Some(proxy) = self.proxy(dependency) {
            proxy.set(Fault::default()).await;
            trial.saw(Seen::FaultHealed { dependency: dependency.to_owned() });
        }
    }

    /// Records what went to a dependency so far.
    pub fn saw_traffic(&self, trial: &TrialLog, dependency: &str) {
        if let Some(proxy) = self.proxy(dependency) {
            let Traffic { connections, up, down } = proxy.traffic();
            let dependency = dependency.to_owned();
            trial.saw(Seen::Traffic { dependency, connections, up, down });
        }
    }

    /// Waits until the service has connected to a dependency.
    pub async fn wait_for_connection(&self, dependency: &str, longest: Duration) -> bool {
        let deadline = Instant::now() + longest;
        loop {
            if self.proxy(dependency).is_some_and(|proxy| proxy.traffic().connections > 0) {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Locks the tables of the first database where that can be done.
    ///
    /// # Errors
    /// When a database does not answer.
    pub async fn lock_tables(&self) -> Result<Option<TableLock>, LabError> {
        for dependency in &self.world.dependencies {
            if let Some(lock) = dependency.lock_tables().await? {
                return Ok(Some(lock));
            }
        }
        Ok(None)
    }

    /// The commands that prepare a service which answers for the first time.
    fn after_ready(&self) -> Vec<AfterReady> {
        let provided = self.provided();
        let mut env = self.lab.base_environment(&self.workspace);
        env.extend(self.lab.resolve(&provided, &[]).env);
        let steps = self.lab.manifest.service.after_ready.iter();
        steps
            .map(|step| {
                let argv = crate::recipe::fill_command(&self.lab.manifest, &provided, step);
                let command = argv.join(" ");
                let argv = located(argv, &self.workspace);
                AfterReady {
                    command,
                    argv: self.lab.confined(argv, &self.workspace, &self.links, &self.ports()),
                    env: env.clone().into_iter().collect(),
                    place: self.place.next(),
                }
            })
            .collect()
    }

    fn provided(&self) -> Provided {
        let (lease, leases) = match &self.inner {
            Some(inner) => (&inner.lease, &inner.leases),
            None => (&self.lease, &self.leases),
        };
        Provided {
            port: lease.port,
            ports: leases.iter().map(|(name, lease)| (name.clone(), lease.port)).collect(),
            stand_ins: self.world.stand_in_addresses(),
            ..self.lab.provided(&self.workspace, &self.links)
        }
    }

    /// The command of the edge that stands before the service, if one does.
    fn edge_words(&self) -> Vec<String> {
        let (Some(edge), Some(inner)) = (&self.lab.edge, &self.inner) else { return Vec::new() };
        let path = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let mut words = vec![path(&edge.program), "run".to_owned()];
        let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
        add("--manifest", path(&edge.manifest));
        add("--supply", edge.controls.join(","));
        add("--admin", "none".to_owned());
        add("--workers", "1".to_owned());
        add("--listen", self.address().to_string());
        add("--port", inner.lease.port.to_string());
        for (name, lease) in &self.leases {
            add("--listen", format!("{name}={}", SocketAddr::new(self.ip(), lease.port)));
            add("--port", format!("{name}={}", inner.leases[name].port));
        }
        words.push("--".to_owned());
        words
    }

    fn is_secret(&self, variable: &str) -> bool {
        self.lab.manifest.environment.get(variable).is_some_and(settings::Variable::is_secret)
    }

    fn target(&self, which: &str) -> Target {
        let service = &self.lab.manifest.service;
        let declared = if which == "live" { &service.live } else { &service.ready };
        let probe = declared.clone().unwrap_or_else(|| Probe::path("/"));
        let named = probe.0.port.as_ref().and_then(|name| self.leases.get(name));
        let peer = named.map_or_else(
            || self.peer(),
            |lease| Peer::from(SocketAddr::new(self.ip(), lease.port)),
        );
        Target { peer, probe, any_answer: declared.is_none() }
    }

    /// Watches for attempts to leave the lab for as long as the service runs.
    fn audit(&self, process: &Process, trial: &TrialLog) -> Watch {
        let leased: Vec<u16> = self.ports().into_iter().chain(self.ports_behind()).collect();
        let leased = self.links.iter().map(|one| one.address.port).chain(leased).collect();
        Watch::start(&self.lab, &self.place, process, trial, leased)
    }

    /// Gives back its databases and removes its folder.
    pub async fn end(self) {
        drop(self.links);
        self.workspace.end();
        self.world.end().await;
    }
}

fn record(trial: &TrialLog, line: Line) {
    match line {
        Line::Text { text, .. } if text.starts_with(isolation::REFUSED) => {
            let reason = text.trim_start_matches(isolation::REFUSED).to_owned();
            trial.saw(Seen::NotStarted { reason });
        }
        Line::Text { stream, at, text } => {
            let stream = match stream {
                process::Stream::Stdout => Stream::Stdout,
                process::Stream::Stderr => Stream::Stderr,
            };
            trial.saw_at(at, Seen::Output { stream, line: text });
        }
        Line::Dropped { bytes } => trial.saw(Seen::OutputDropped { bytes }),
    }
}
