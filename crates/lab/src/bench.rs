//! The lab of a run, and the bench on which one experiment works.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use client::Peer;
use journey::Journey;
use process::{Record, spawn};
use redact::Redactor;
use settings::{DependencyKind, Manifest, Port};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::audit;
use crate::database::{Held, Server};
use crate::error::LabError;
use crate::instance::Instance;
use crate::place::Place;
use crate::recipe::{self, Mutation, Provided, Recipe};
use crate::recorder::{Recorder, Trial};
use crate::scratch::Scratch;
use crate::shadow::Shadow;
use crate::step;

/// How a lab is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The run's id.
    pub run: String,
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

/// How `seaworthy run` is put before an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// This program.
    pub program: PathBuf,
    pub manifest: PathBuf,
    /// The ids of what it supplies.
    pub controls: Vec<String>,
}

/// Everything that the experiments of a run share.
#[derive(Debug)]
pub struct Lab {
    pub manifest: Manifest,
    pub(crate) folder: PathBuf,
    root: PathBuf,
    pub(crate) place: Place,
    pub(crate) redactor: Redactor,
    pub(crate) shadow: Shadow,
    /// How many instances may be starting, which takes the processor.
    starting: Arc<Semaphore>,
    /// How many instances may live, which takes memory.
    living: Arc<Semaphore>,
    servers: BTreeMap<String, Server>,
    /// What the machine lacks: what, why, and the command that installs it.
    missing: Option<(String, String, &'static str)>,
    journeys: BTreeMap<String, Journey>,
    secrets: BTreeMap<String, String>,
    extra: BTreeMap<String, String>,
    template: Scratch,
    left: watch::Sender<Option<String>>,
    target: Option<Peer>,
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
        folder: &Path,
        options: Options,
        record: Arc<Record>,
        redactor: Redactor,
        told: impl Fn(&str),
    ) -> Result<Self, LabError> {
        let secrets = made_up(&manifest, options.seed);
        let journeys = journeys(&manifest, &options.root)?;
        let place = Place::first(record, &options.run);
        let scratch = Scratch::build(folder, &place.folder("template"))?;
        let fixed = matches!(manifest.service.port, Some(Port::Fixed(_)));
        let shared = manifest.dependencies.values().any(|dependency| dependency.url.is_some());
        let jobs = if fixed || shared { 1 } else { options.jobs.max(1) };
        let mut lab = Self {
            folder: folder.to_owned(),
            root: options.root,
            shadow: Shadow::watch(&scratch.shadowed),
            starting: Arc::new(Semaphore::new(jobs)),
            living: Arc::new(Semaphore::new(if fixed || shared { 1 } else { jobs * WAITING })),
            servers: BTreeMap::new(),
            missing: None,
            journeys,
            secrets,
            extra: options.extra,
            template: scratch,
            left: watch::channel(None).0,
            target: options.target,
            edge: options.edge,
            manifest,
            place,
            redactor,
        };
        lab.learn_secrets();
        if lab.target.is_some() {
            return Ok(lab);
        }
        lab.audit_values()?;
        lab.find_program()?;
        for (name, dependency) in &lab.manifest.dependencies {
            told(&format!("starting {} for {name}", dependency.kind.word()));
            match Server::provide(name, dependency, &lab.place).await {
                Ok(server) => {
                    lab.servers.insert(name.clone(), server);
                }
                Err(LabError::CannotProvide { what, why, install }) => {
                    // Nothing can be decided without it, and whoever reads the scorecard must
                    // learn what to install.
                    lab.missing = Some((what, why, install));
                    return Ok(lab);
                }
                Err(other) => return Err(other),
            }
        }
        lab.prepare_template(told).await?;
        Ok(lab)
    }

    /// A new instance with its own folder, ports and databases.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub(crate) async fn instance(self: &Arc<Self>) -> Result<Instance, LabError> {
        if let Some((what, why, install)) = self.missing.clone() {
            return Err(LabError::CannotProvide { what, why, install });
        }
        let living = Arc::clone(&self.living).acquire_owned().await.ok();
        let starting = Arc::clone(&self.starting).acquire_owned().await.ok();
        let slot = Slot { starting, _living: living };
        let place = self.place.next();
        let scratch = self.template.copy(&place.folder("scratch"))?;
        let mut held = Vec::new();
        for (name, server) in &self.servers {
            held.push(server.fresh(name, &place).await?.proxied(&place).await?);
        }
        for step in &self.manifest.service.reset {
            self.run_step(step, &scratch, &held, &place).await?;
        }
        Instance::new(Arc::clone(self), place, scratch, held, slot)
    }

    /// What the lab provided, with versions.
    pub fn versions(&self) -> Vec<String> {
        self.servers.values().filter_map(Server::version).collect()
    }

    /// Hears of a connection that left the lab.
    pub fn leaks(&self) -> watch::Receiver<Option<String>> {
        self.left.subscribe()
    }

    pub(crate) fn report_leak(&self, what: String) {
        self.left.send_replace(Some(what));
    }

    pub(crate) fn provided(&self, scratch: &Scratch, held: &[Held]) -> Provided {
        Provided {
            scratch: scratch.path.to_string_lossy().into_owned(),
            folder: self.folder.to_string_lossy().into_owned(),
            dependencies: held.iter().map(|h| (h.name.clone(), h.address.clone())).collect(),
            secrets: self.secrets.clone(),
            extra: self.extra.clone(),
            ..Provided::default()
        }
    }

    /// The variables that every process of the service gets beside its own.
    pub(crate) fn base_environment(&self, scratch: &Path) -> BTreeMap<String, String> {
        let inherited = ["PATH", "LANG", "LC_ALL", "TZ", "USER", "LOGNAME", "SHELL"];
        let wanted = inherited.iter().copied().map(str::to_owned);
        let wanted = wanted.chain(self.manifest.service.inherit.iter().cloned());
        let mut env: BTreeMap<_, _> = wanted
            .filter_map(|name| std::env::var(&name).ok().map(|value| (name, value)))
            .collect();
        let own = scratch.to_string_lossy().into_owned();
        env.entry("HOME".to_owned()).or_insert(own);
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

    /// Refuses values that lead out of the lab, before anything is started.
    fn audit_values(&self) -> Result<(), LabError> {
        let provided = self.provided(&self.template, &[]);
        let recipe = recipe::resolve(&self.manifest, &provided, None);
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
        self.program(&word, &self.template.path).map(|_| ()).ok_or_else(|| {
            let looked = match word.contains('/') {
                true => format!("at {}", self.folder.join(&word).display()),
                false => "on PATH".to_owned(),
            };
            LabError::NoProgram { key: "start", program: word, looked }
        })
    }

    /// A program of the manifest as a path that can be executed: what holds a slash is looked for
    /// in the scratch folder and then in the service's own.
    pub(crate) fn program(&self, word: &str, scratch: &Path) -> Option<PathBuf> {
        if !word.contains('/') {
            return spawn::find_program(word, &[]);
        }
        let candidates = [scratch.join(word), self.folder.join(word)];
        candidates.into_iter().find(|path| spawn::is_program(path))
    }

    /// The command with its program as a path.
    pub(crate) fn located(&self, mut argv: Vec<String>, scratch: &Path) -> Vec<String> {
        if let Some(path) = argv.first().and_then(|word| self.program(word, scratch)) {
            // A script is named as it was written when it lies in the scratch folder: what reads
            // its own path then sees what it would see at home.
            argv[0] = path.to_string_lossy().into_owned();
        }
        argv
    }

    async fn prepare_template(&mut self, told: impl Fn(&str)) -> Result<(), LabError> {
        let steps = self.manifest.service.setup.clone();
        if steps.is_empty() {
            return Ok(());
        }
        let place = self.place.next();
        let mut held = Vec::new();
        for (name, server) in &self.servers {
            held.push(server.template(name, &place).await?);
        }
        for step in &steps {
            told(&format!("set-up: {}", step.0.join(" ")));
            self.run_step(step, &self.template, &held, &place).await?;
        }
        for one in held {
            one.end().await;
        }
        Ok(())
    }

    pub(crate) async fn run_step(
        &self,
        command: &settings::Command,
        scratch: &Scratch,
        held: &[Held],
        place: &Place,
    ) -> Result<(), LabError> {
        let provided = self.provided(scratch, held);
        let recipe = recipe::resolve(&self.manifest, &provided, None);
        for (name, text) in &recipe.files {
            scratch.write(name, text)?;
        }
        for one in held {
            self.redactor.learn(&format!("{}.password", one.name), &one.address.password);
        }
        let argv = recipe::fill_command(&self.manifest, &provided, command);
        let argv = self.located(argv, &scratch.path);
        let mut env = self.base_environment(&scratch.path);
        env.extend(recipe.env);
        let longest = Duration::from_secs(300);
        let env = env.into_iter().collect();
        step::run(argv, &scratch.path, env, place, longest, |_| {}).await.map_err(|error| {
            match error {
                LabError::StepFailed { command, outcome, output } => LabError::StepFailed {
                    command: self.redactor.mask(&command),
                    outcome,
                    output: self.redactor.mask(&output),
                },
                other => other,
            }
        })
    }

    /// Whether redis is cloned with the set-up: it is not, so steps that fill it must be repeated.
    pub(crate) fn repeats_setup(&self) -> bool {
        let redis = |server: &Server| matches!(server, Server::Redis);
        self.servers.values().any(redis)
            && self.manifest.dependencies.values().any(|d| d.kind == DependencyKind::Redis)
            && !self.manifest.dependencies.values().any(|d| d.kind == DependencyKind::Postgres)
    }

    pub(crate) fn resolve(&self, provided: &Provided, mutation: Option<&Mutation>) -> Recipe {
        recipe::resolve(&self.manifest, provided, mutation)
    }
}

/// Reads the journeys' files.
///
/// # Errors
/// The first that is missing or holds a mistake.
pub fn journeys(manifest: &Manifest, root: &Path) -> Result<BTreeMap<String, Journey>, LabError> {
    let read = |(name, declared): (&String, &settings::journey::Journey)| {
        let wrong = |why: String| LabError::Journey {
            name: name.clone(),
            file: declared.file.clone(),
            why,
        };
        let text = std::fs::read_to_string(root.join(&declared.file));
        let text = text.map_err(|error| wrong(error.to_string()))?;
        let journey = journey::parse::parse(&text).map_err(|mistake| wrong(mistake.to_string()))?;
        let known = |variable: &str| {
            let declared = variable.strip_prefix("environment.");
            declared.is_some_and(|variable| manifest.environment.contains_key(variable))
        };
        match journey.impossible(known) {
            Some(mistake) => Err(wrong(mistake.to_string())),
            None => Ok((name.clone(), journey)),
        }
    };
    manifest.journeys.iter().map(read).collect()
}

/// A random value for each secret that has none; the same for the same seed.
fn made_up(manifest: &Manifest, seed: u64) -> BTreeMap<String, String> {
    let mut random = fastrand::Rng::with_seed(seed);
    let secrets = manifest.environment.iter().filter(|(_, v)| v.is_secret() && v.value.is_none());
    secrets
        .filter(|(_, variable)| variable.required)
        .map(|(name, variable)| {
            let length = variable.min_length.unwrap_or(0).max(40);
            let value = std::iter::repeat_with(|| random.alphanumeric()).take(length).collect();
            (name.clone(), value)
        })
        .collect()
}

/// So many instances may live for each that may be starting: most of them only wait.
const WAITING: usize = 4;

/// An instance's share of the machine.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) starting: Option<OwnedSemaphorePermit>,
    _living: Option<OwnedSemaphorePermit>,
}

/// What one experiment works on.
#[derive(Clone)]
pub struct Bench {
    lab: Arc<Lab>,
    recorder: Recorder,
    progress: Arc<dyn Fn(String) + Send + Sync>,
}

impl Bench {
    pub fn new(
        lab: Arc<Lab>,
        recorder: Recorder,
        progress: impl Fn(String) + Send + Sync + 'static,
    ) -> Self {
        Self { lab, recorder, progress: Arc::new(progress) }
    }

    pub fn manifest(&self) -> &Manifest {
        &self.lab.manifest
    }

    pub fn trial(&self, name: &str) -> Trial {
        self.recorder.trial(name)
    }

    /// Says what is being done right now.
    pub fn progress(&self, text: impl Into<String>) {
        (self.progress)(text.into());
    }

    /// The deployed service of this run, if it is tried instead of instances.
    pub fn target(&self) -> Option<&Peer> {
        self.lab.target.as_ref()
    }

    /// The values of variables as far as they are declared, for a service that runs elsewhere.
    pub(crate) fn declared_values(&self) -> BTreeMap<String, String> {
        let provided = self.lab.provided(&self.lab.template, &[]);
        self.lab.resolve(&provided, None).values
    }

    /// The folder of the manifest.
    pub fn root(&self) -> &Path {
        &self.lab.root
    }

    /// Every journey, by its name.
    pub fn journeys(&self) -> &BTreeMap<String, Journey> {
        &self.lab.journeys
    }

    /// The journey of this name, or the first one.
    pub fn journey(&self, name: Option<&str>) -> Option<(&str, &Journey)> {
        let journeys = &self.lab.journeys;
        let found = match name {
            Some(name) => journeys.get_key_value(name),
            None => journeys.iter().next(),
        };
        found.map(|(name, journey)| (name.as_str(), journey))
    }

    /// A new instance that shares nothing with any other.
    ///
    /// # Errors
    /// When the lab cannot provide it.
    pub async fn instance(&self) -> Result<Instance, LabError> {
        self.lab.instance().await
    }
}
