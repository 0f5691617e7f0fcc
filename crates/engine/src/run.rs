//! Running a plan: the shared lane beside each other, then the quiet lane one by one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use controls::Control;
use futures_util::future;
use lab::{Bench, Lab, LabError, Recorder};
use model::{Event, Judgement, Lane, Row, Scorecard};
use process::{Keeper, Record};
use redact::Redactor;
use settings::Manifest;
use tokio::sync::watch;

use crate::binding;
use crate::judge::{self, Context};
use crate::plan::{Plan, What};
use crate::store::{RunFile, Store, StoreError};

/// What is to be proven.
#[derive(Debug, Clone)]
pub struct Proof {
    pub manifest: Manifest,
    /// The manifest's text, for its hash.
    pub text: String,
    /// The folder of the manifest.
    pub root: PathBuf,
    /// How the user named it.
    pub asked: String,
    /// Where runs are stored.
    pub out: PathBuf,
    pub extra: BTreeMap<String, String>,
    pub seed: u64,
    pub jobs: usize,
    /// A deployed service that is tried instead of instances of the lab.
    pub target: Option<lab::Peer>,
    /// What stands before each instance, if anything.
    pub edge: Option<lab::Edge>,
    /// This program, which also is the keeper.
    pub program: PathBuf,
}

/// Why there is no scorecard.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error(transparent)]
    Lab(#[from] LabError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot prepare the run: {0}")]
    Prepare(#[from] std::io::Error),
    #[error(
        "{0}; the run was stopped, because experiments must not reach other machines. Give the \
         service a dependency of the lab, or turn off what calls out"
    )]
    LeftTheLab(String),
}

/// A finished run.
#[derive(Debug)]
pub struct Proven {
    pub scorecard: Scorecard,
    pub store: Store,
    pub redactor: Redactor,
}

/// Listens to what happens.
pub type Listener = Arc<dyn Fn(Event) + Send + Sync>;

/// Proves. When `stop` turns true, what was finished by then makes a partial scorecard.
///
/// # Errors
/// When the lab cannot be set up or the run not stored.
pub async fn prove(
    proof: Proof,
    plan: Plan,
    tell: Listener,
    mut stop: watch::Receiver<bool>,
) -> Result<Proven, ProofError> {
    let swept = process::records::sweep()?;
    if !swept.is_empty() {
        tell(Event::Stage {
            text: format!("cleaned up after {} that had not ended in order", swept.join(", ")),
        });
    }
    process::tree::adopt_orphans()?;
    let run = binding::run_id(fastrand::u64(..));
    let record = Arc::new(Record::begin(&run)?);
    let keeper = Keeper::start(&proof.program, &record.path())?;
    let proving = Proving {
        context: Context {
            asked: proof.asked.clone(),
            today: binding::today(),
            supplied: supplied(&proof),
        },
        zero: Instant::now(),
        redactor: Redactor::default(),
        rows: Mutex::new(Vec::new()),
        proof,
        plan,
        tell,
        run,
        record,
    };
    let result = tokio::select! {
        result = proving.run() => result,
        _ = stop.wait_for(|stop| *stop) => proving.partial(),
    };
    let told = Arc::clone(&proving.tell);
    told(Event::Stage { text: "cleaning up".to_owned() });
    let strays = tokio::task::spawn_blocking(process::tree::end_strays).await;
    drop(proving);
    if let Some(first) = strays.unwrap_or_default().first() {
        let text = format!("ended {} ({}), which had left its service", first.name, first.pid);
        told(Event::Stage { text });
    }
    tokio::task::spawn_blocking(move || keeper.finish()).await.map_err(std::io::Error::other)??;
    result
}

fn supplied(proof: &Proof) -> Option<Vec<String>> {
    proof.edge.as_ref().map(|edge| edge.controls.clone())
}

struct Proving {
    proof: Proof,
    plan: Plan,
    tell: Listener,
    run: String,
    record: Arc<Record>,
    context: Context,
    zero: Instant,
    redactor: Redactor,
    rows: Mutex<Vec<Row>>,
}

impl Proving {
    async fn run(&self) -> Result<Proven, ProofError> {
        let stage = |text: &str| (self.tell)(Event::Stage { text: text.to_owned() });
        let service = &self.proof.manifest.service;
        let folder = self.proof.root.join(&service.folder);
        let folder = folder.canonicalize().map_err(|source| LabError::File {
            action: "enter",
            path: folder.clone(),
            source,
        })?;
        if let Some(command) = service.build.clone().filter(|_| self.proof.target.is_none()) {
            stage(&format!("building: {command}"));
            self.build(&command, &folder).await?;
        }
        let options = lab::Options {
            run: self.run.clone(),
            jobs: self.proof.jobs,
            extra: self.proof.extra.clone(),
            seed: self.proof.seed,
            root: self.proof.root.clone(),
            target: self.proof.target.clone(),
            edge: self.proof.edge.clone(),
        };
        let manifest = self.proof.manifest.clone();
        let record = Arc::clone(&self.record);
        let redactor = self.redactor.clone();
        let lab = Lab::open(manifest, &folder, options, record, redactor, stage).await?;
        let store = Store::begin(&self.proof.out, &self.run)?;
        let lab = Arc::new(lab);
        let ids = self.plan.steps.iter().map(|step| step.control.card().id.to_owned()).collect();
        (self.tell)(Event::Planned { controls: ids });
        let mut leaks = lab.leaks();
        tokio::select! {
            result = self.experiments(&lab, &store) => result?,
            leak = leaks.wait_for(Option::is_some) => {
                let what = leak.ok().and_then(|what| what.clone()).unwrap_or_default();
                return Err(ProofError::LeftTheLab(what));
            }
        }
        self.finish(Some(&lab), &store, false)
    }

    async fn build(&self, command: &str, folder: &Path) -> Result<(), ProofError> {
        let tell = Arc::clone(&self.tell);
        let argv = ["sh", "-c", command].map(str::to_owned).to_vec();
        let place = lab::place::Place::first(Arc::clone(&self.record), &self.run).next();
        let told =
            move |line: &str| tell(Event::Stage { text: format!("building: {}", line.trim()) });
        let longest = Duration::from_secs(3600);
        let env = process::spawn::environment().0.into_iter().collect();
        Ok(lab::step::run(argv, folder, env, &place, longest, told).await?)
    }

    async fn experiments(&self, lab: &Arc<Lab>, store: &Store) -> Result<(), ProofError> {
        for step in &self.plan.steps {
            if let What::Settled(judgement) = &step.what {
                self.add(step.control.card().id, judgement.clone(), Duration::ZERO);
            }
        }
        let shared =
            self.plan.lane(Lane::Shared).map(|control| self.experiment(control, lab, store));
        future::try_join_all(shared).await?;
        for control in self.plan.lane(Lane::Quiet) {
            self.experiment(control, lab, store).await?;
        }
        Ok(())
    }

    async fn experiment(
        &self,
        control: &'static dyn Control,
        lab: &Arc<Lab>,
        store: &Store,
    ) -> Result<(), ProofError> {
        let id = control.card().id;
        (self.tell)(Event::ExperimentStarted { control: id.to_owned() });
        let began = Instant::now();
        let file = store.observations_file(id)?;
        let recorder = Recorder::new(self.zero, self.redactor.clone(), Some(file));
        let tell = Arc::clone(&self.tell);
        let progress = move |text| tell(Event::Progress { control: id.to_owned(), text });
        let bench = Bench::new(Arc::clone(lab), recorder.clone(), progress);
        let result = control.prove(&bench).await;
        let seen = recorder.finish()?;
        let judgement = match result {
            Ok(()) => control.judge(&self.proof.manifest, &seen),
            // What the lab cannot provide is not the service's fault.
            Err(error @ LabError::CannotProvide { .. }) => {
                Judgement::inconclusive(error.to_string())
            }
            Err(error) => Judgement::error(error.to_string()),
        };
        self.add(id, judgement, began.elapsed());
        Ok(())
    }

    fn add(&self, id: &str, judgement: Judgement, took: Duration) {
        let row =
            judge::row(&self.context, &self.proof.manifest, id, judgement, took.as_secs_f64());
        (self.tell)(Event::ExperimentFinished { row: Box::new(row.clone()) });
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
    }

    fn partial(&self) -> Result<Proven, ProofError> {
        let store = Store::begin(&self.proof.out, &self.run)?;
        self.finish(None, &store, true)
    }

    fn finish(
        &self,
        lab: Option<&Lab>,
        store: &Store,
        partial: bool,
    ) -> Result<Proven, ProofError> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let order = |row: &Row| self.plan.steps.iter().position(|s| s.control.card().id == row.id);
        rows.sort_by_key(order);
        let program = self.proof.manifest.service.start.0.first();
        let folder = self.proof.root.join(&self.proof.manifest.service.folder);
        let program = program.map(|word| folder.join(word)).filter(|path| path.is_file());
        let mut evidence = binding::bind(
            &self.run,
            &self.proof.root,
            &self.proof.text,
            program.as_deref(),
            self.proof.seed,
        );
        evidence.lab = lab.map(Lab::versions).unwrap_or_default();
        let run = RunFile {
            binding: evidence.clone(),
            manifest: self.proof.manifest.clone(),
            seconds: rows.iter().map(|row| (row.id.clone(), row.seconds)).collect(),
            is_part: self.plan.is_part || partial,
            asked: self.proof.asked.clone(),
            supplied: supplied(&self.proof),
        };
        store.write_run(&run, &self.redactor)?;
        let part = self.plan.is_part;
        let scorecard = judge::scorecard(&self.proof.manifest, rows, evidence, part, partial);
        store.write_scorecard(&scorecard, &self.redactor)?;
        (self.tell)(Event::Finished { scorecard: Box::new(scorecard.clone()) });
        Ok(Proven { scorecard, store: store.clone(), redactor: self.redactor.clone() })
    }
}
