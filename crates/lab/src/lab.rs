//! The lab of a run: what all its experiments share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use client::Peer;
use isolation::{Attempt, Confinement};
use journey::Journey;
use model::Observation;
use process::spawn;
use redact::Redactor;
use settings::upstreams::{Upstream, UpstreamKind};
use settings::{Manifest, Port};

use crate::audit;
use crate::capacity::{Capacity, Permit, Priority};
use crate::dependency::{Link, Server};
use crate::error::LabError;
use crate::instance::Instance;
use crate::journeys;
use crate::obstacle::Obstacle;
use crate::place::Place;
use crate::recipe::{self, Mutation, Provided, Recipe};
use crate::secrets;
use crate::shadow::Shadow;
use crate::step;
use crate::workspace::{Source, Workspace};
use crate::world::World;

/// How a lab is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How many instances may live at once.
    pub jobs: usize,
    /// Variables from the command line.
    pub extra: BTreeMap<String, String>,
    pub seed: u64,
    /// The folder of the manifest: journeys are relative to it.
    pub root: PathBuf,
    /// A deployed service that is tried instead of instances of the lab.
    pub target: Option<Peer>,
    /// What stands before each instance, if anything.
    pub edge: Option<Edge>,
}

/// Where a lab stands.
#[derive(Debug, Clone)]
pub struct Ground {
    /// What keeps it apart from the user's files and network.
    pub confinement: Arc<Confinement>,
    pub source: Source,
    /// Where the run's things go.
    pub place: Place,
    /// This program, which also is the launcher.
    pub program: PathBuf,
}

/// How `seaworthy run` is put before an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// This program.
    pub program: PathBuf,
    pub manifest: PathBuf,
    /// The ids of what it supplies.
    pub controls: Vec<String>,
}

/// What was seen in a part of an experiment that several controls observe, once it was made.
type Shared = Arc<tokio::sync::Mutex<Option<Vec<Observation>>>>;

/// Everything that the experiments of a run share.
#[derive(Debug)]
pub struct Lab {
    pub manifest: Manifest,
    pub(crate) root: PathBuf,
    pub(crate) ground: Ground,
    pub(crate) redactor: Redactor,
    pub(crate) shadow: Shadow,
    capacity: Capacity,
    pub(crate) servers: BTreeMap<String, Server>,
    /// What keeps every instance from being had.
    obstacle: Option<Obstacle>,
    pub(crate) journeys: BTreeMap<String, Journey>,
    secrets: BTreeMap<String, String>,
    extra: BTreeMap<String, String>,
    template: Workspace,
    /// How long starts are waited for, once that is known.
    pub(crate) patience: OnceLock<Duration>,
    /// How long a start takes when nothing else runs, once that is known.
    usual_start: OnceLock<Duration>,
    /// Who tried to get out.
    attempts: Mutex<BTreeSet<Attempt>>,
    /// What several controls observe, by its name.
    shared: Mutex<BTreeMap<String, Shared>>,
    pub(crate) target: Option<Peer>,
    pub(crate) edge: Option<Edge>,
}

impl Lab {
    /// Provides the dependencies and prepares the template of all instances. `told` hears what is
    /// being done.
    ///
    /// # Errors
    /// When something that the manifest needs cannot be had.
    pub async fn open(
        manifest: Manifest,
        ground: Ground,
        options: Options,
        redactor: Redactor,
        told: impl Fn(&str),
    ) -> Result<Self, LabError> {
        let secrets = secrets::made_up(&manifest, options.seed);
        let journeys = journeys::read(&manifest, &options.root)?;
        let folder = ground.place.next().folder("template");
        let template = match &options.target {
            // Nothing is started, so there is nothing to start it in.
            Some(_) => Workspace::empty(&ground.confinement, &folder)?,
            None => Workspace::template(&ground.confinement, &ground.source, &folder)?,
        };
        let fixed = matches!(manifest.service.port, Some(Port::Fixed(_)));
        let shared = manifest.dependencies.values().any(|dependency| dependency.url.is_some());
        let mut lab = Self {
            root: options.root,
            shadow: Shadow::watch(&template.shadowed),
            capacity: Capacity::of(options.jobs.max(1)),
            servers: BTreeMap::new(),
            obstacle: None,
            journeys,
            secrets,
            extra: options.extra,
            template,
            patience: OnceLock::new(),
            usual_start: OnceLock::new(),
            attempts: Mutex::default(),
            shared: Mutex::default(),
            target: options.target,
            edge: options.edge,
            manifest,
            ground,
            redactor,
        };
        if fixed || shared {
            lab.capacity.take_turns();
        }
        lab.learn_secrets();
        if lab.target.is_some() {
            return Ok(lab);
        }
        lab.audit_values()?;
        lab.find_program()?;
        for (name, dependency) in &lab.manifest.dependencies {
            told(&format!("starting {} for {name}", dependency.kind.word()));
            match Server::provide(name, dependency, &lab.ground.place).await {
                Ok(server) => {
                    lab.servers.insert(name.clone(), server);
                }
                Err(error) => {
                    lab.obstacle = Some(Obstacle::of(error)?);
                    return Ok(lab);
                }
            }
        }
        if let Err(error) = lab.prepare_template(told).await {
            lab.obstacle = Some(Obstacle::of(error)?);
        }
        Ok(lab)
    }

    /// A new set of dependencies, on which instances are started.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub(crate) async fn world(
        self: &Arc<Self>,
        priority: Priority,
    ) -> Result<Arc<World>, LabError> {
        if let Some(obstacle) = &self.obstacle {
            return Err(obstacle.error());
        }
        World::open(self, priority).await
    }

    /// A new instance in a world, with a folder, ports and proxies of its own.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub(crate) async fn instance_in(
        self: &Arc<Self>,
        world: Arc<World>,
    ) -> Result<Instance, LabError> {
        let slot = self.capacity.may_live(world.priority).await;
        let Ground { confinement, source, .. } = &self.ground;
        let place = self.ground.place.next();
        let workspace = self.template.instance(confinement, source, &place.folder("workspace"))?;
        let mut links = Vec::new();
        for dependency in &world.dependencies {
            links.push(dependency.link(&place, confinement.outside()).await?);
        }
        for step in &self.manifest.service.reset {
            self.run_step("reset", step, &workspace, &links, &place).await?;
        }
        Instance::new(Arc::clone(self), world, place, workspace, links, slot)
    }

    /// A part of an experiment that is made once, whoever asks.
    pub(crate) fn shared(&self, name: &str) -> Shared {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shared.entry(name.to_owned()).or_default())
    }

    /// Waits until a further start is allowed.
    pub(crate) async fn may_start(&self, priority: Priority) -> Permit {
        self.capacity.may_start(priority).await
    }

    /// From now on one instance lives at a time, because they share something.
    pub fn take_turns(&self) {
        self.capacity.take_turns();
    }

    /// What the lab provided, with versions.
    pub fn versions(&self) -> Vec<String> {
        self.servers.values().filter_map(Server::version).collect()
    }

    /// Says how long a start takes alone, and how long it may take before it is called never
    /// ready. Only the first word counts.
    pub fn set_patience(&self, usual_start: Duration, patience: Duration) {
        let _ = self.usual_start.set(usual_start);
        let _ = self.patience.set(patience);
    }

    /// A start that has not led to an answer by then is waiting for something rather than working,
    /// and others may start beside it. Many slow starts at once make all of them slower.
    pub(crate) fn works_for(&self) -> Duration {
        let usual = self.usual_start.get().copied().unwrap_or_default();
        (usual * 2).max(Duration::from_secs(1))
    }

    /// Who tried to get out of the lab so far, and was stopped.
    pub fn attempts(&self) -> Vec<Attempt> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        // Those whose process was gone before it could be seen carry no mark.
        attempts.extend(self.ground.confinement.attempts(""));
        attempts.iter().cloned().collect()
    }

    /// What the processes of a place have tried since it was last asked.
    pub(crate) fn new_attempts(&self, place: &Place) -> Vec<Attempt> {
        let new = self.ground.confinement.attempts(&place.mark());
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.extend(new.iter().cloned().map(|one| Attempt { mark: String::new(), ..one }));
        new
    }

    pub(crate) fn provided(&self, workspace: &Workspace, links: &[Link]) -> Provided {
        let folder = workspace.inside.to_string_lossy().into_owned();
        Provided {
            scratch: folder.clone(),
            folder,
            dependencies: links.iter().map(|one| (one.name.clone(), one.address.clone())).collect(),
            secrets: self.secrets.clone(),
            stand_ins: self.nowhere(),
            extra: self.extra.clone(),
            ..Provided::default()
        }
    }

    /// Where third parties are while no stand-in is there: at an address that nobody answers.
    fn nowhere(&self) -> BTreeMap<String, String> {
        let address = |one: &Upstream| match one.kind {
            UpstreamKind::Http => "http://127.0.0.1:9".to_owned(),
            UpstreamKind::Smtp => "smtp://127.0.0.1:9".to_owned(),
        };
        let upstreams = self.manifest.upstreams.values();
        upstreams.map(|one| (one.variable.clone(), address(one))).collect()
    }

    /// The variables that every process of the service gets beside its own.
    pub(crate) fn base_environment(&self, workspace: &Workspace) -> BTreeMap<String, String> {
        let inherited = ["PATH", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "SHELL"];
        let wanted = inherited.iter().copied().map(str::to_owned);
        let wanted = wanted.chain(self.manifest.service.inherit.iter().cloned());
        let mut env: BTreeMap<_, _> = wanted
            .filter_map(|name| std::env::var(&name).ok().map(|value| (name, value)))
            .collect();
        let own = workspace.home().to_string_lossy().into_owned();
        env.entry("HOME".to_owned()).or_insert(own);
        // Not shared with other instances, whose pid files and sockets would be in the way.
        let own = workspace.temporary().to_string_lossy().into_owned();
        env.entry("TMPDIR".to_owned()).or_insert(own);
        env
    }

    fn learn_secrets(&self) {
        for (name, variable) in &self.manifest.environment {
            let value = self.extra.get(name).or(variable.value.as_ref());
            if let Some(value) = value.or_else(|| self.secrets.get(name))
                && variable.is_secret()
            {
                self.redactor.learn(name, value);
            }
        }
    }

    /// The values of variables as far as they are declared, for a service that runs elsewhere.
    pub(crate) fn declared_values(&self) -> BTreeMap<String, String> {
        self.resolve(&self.provided(&self.template, &[]), &[]).values
    }

    /// Refuses values that lead out of the lab, before anything is started.
    fn audit_values(&self) -> Result<(), LabError> {
        let provided = self.provided(&self.template, &[]);
        let recipe = recipe::resolve(&self.manifest, &provided, &[]);
        let mentioned =
            |name: &str| self.manifest.environment.get(name).is_some_and(|v| v.mentioned_only);
        let values = recipe.values.iter().filter(|(name, _)| !mentioned(name));
        let values = values.map(|(name, value)| (format!("the variable {name}"), name, value));
        let start = "START".to_owned();
        let arguments = recipe.argv.iter().map(|word| ("service.start".to_owned(), &start, word));
        let files =
            recipe.files.iter().map(|(name, text)| (format!("the file {name}"), name, text));
        for (place, name, value) in values.chain(arguments).chain(files) {
            if let Some(host) = audit::outside_host(name, value) {
                return Err(LabError::NamesOutside { place, host });
            }
        }
        Ok(())
    }

    fn find_program(&self) -> Result<(), LabError> {
        let word = self.manifest.service.start.0[0].clone();
        program(&word, &self.template).map(|_| ()).ok_or_else(|| {
            let looked = if word.contains('/') {
                format!("at {}", self.template.inside.join(&word).display())
            } else {
                "on PATH".to_owned()
            };
            LabError::NoProgram { key: "start", program: word, looked }
        })
    }

    /// The command that starts `argv` in a workspace. `more` are ports that it may connect to
    /// beside those of its dependencies.
    pub(crate) fn confined(
        &self,
        argv: Vec<String>,
        workspace: &Workspace,
        links: &[Link],
        more: &[u16],
    ) -> Vec<String> {
        let ports = links.iter().map(|one| one.address.port).chain(more.iter().copied());
        let ports: Vec<u16> = ports.collect();
        let plan = workspace.launch(&self.ground.confinement, &ports);
        plan.command(&self.ground.program, argv)
    }

    async fn prepare_template(&mut self, told: impl Fn(&str)) -> Result<(), LabError> {
        let steps = self.manifest.service.setup.clone();
        if steps.is_empty() {
            self.template.freeze();
            return Ok(());
        }
        let place = self.ground.place.next();
        let (mut dependencies, mut links) = (Vec::new(), Vec::new());
        for (name, server) in &self.servers {
            let template = server.template(name, &place).await?;
            // One of the user's own is reached through a proxy even here: it lies outside.
            links.push(match server {
                Server::Own(_) => template.link(&place, self.ground.confinement.outside()).await?,
                _ => template.direct(),
            });
            dependencies.push(template);
        }
        for step in &steps {
            told(&format!("set-up: {}", step.0.join(" ")));
            self.run_step("set-up", step, &self.template, &links, &place).await?;
        }
        for one in dependencies {
            one.end().await;
        }
        self.template.freeze();
        Ok(())
    }

    pub(crate) async fn run_step(
        &self,
        step: &'static str,
        command: &settings::Command,
        workspace: &Workspace,
        links: &[Link],
        place: &Place,
    ) -> Result<(), LabError> {
        let provided = self.provided(workspace, links);
        let recipe = recipe::resolve(&self.manifest, &provided, &[]);
        for (name, text) in &recipe.files {
            workspace.write(name, text)?;
        }
        for one in links {
            self.redactor.learn(&format!("{}.password", one.name), &one.address.password);
        }
        let argv = recipe::fill_command(&self.manifest, &provided, command);
        let shown = argv.join(" ");
        let argv = self.confined(located(argv, workspace), workspace, links, &[]);
        let mut env = self.base_environment(workspace);
        env.extend(recipe.env);
        let longest = Duration::from_secs(300);
        let env = env.into_iter().collect();
        let result = step::run(step, argv, place, env, longest, |_| {}).await;
        self.new_attempts(place);
        result.map_err(|error| match error {
            LabError::StepFailed { step, outcome, output, .. } => LabError::StepFailed {
                step,
                command: self.redactor.mask(&shown),
                outcome,
                output: self.redactor.mask(&output),
            },
            other => other,
        })
    }

    /// Whether what the set-up filled cannot be cloned, so that its steps must be repeated.
    pub(crate) fn repeats_setup(&self) -> bool {
        let empty = |server: &Server| matches!(server, Server::Redis | Server::S3);
        self.servers.values().any(empty) && !self.servers.values().any(Server::is_cloned)
    }

    pub(crate) fn resolve(&self, provided: &Provided, mutations: &[Mutation]) -> Recipe {
        recipe::resolve(&self.manifest, provided, mutations)
    }
}

/// A program of the manifest as a path that can be executed: what holds a slash is looked for in the
/// service's folder.
pub(crate) fn program(word: &str, workspace: &Workspace) -> Option<PathBuf> {
    if !word.contains('/') {
        return spawn::find_program(word, &[]);
    }
    let found = spawn::is_program(&workspace.seen_from_outside(word));
    found.then(|| workspace.inside.join(word))
}

/// The command with its program as a path.
pub(crate) fn located(mut argv: Vec<String>, workspace: &Workspace) -> Vec<String> {
    if let Some(path) = argv.first().and_then(|word| program(word, workspace)) {
        argv[0] = path.to_string_lossy().into_owned();
    }
    argv
}
