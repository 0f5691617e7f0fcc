//! Running a plan: starts alone, then everything beside each other, the quiet lane in the foreground.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use controls::Control;
use controls::baseline::{self, Baseline};
use futures_util::future;
use lab::{Bench, Lab, LabError, Priority, Recorder};
use model::{Event, Judgement, Lane, Note, Reach, Row, Scorecard};
use redact::Redactor;
use settings::Manifest;
use tokio::sync::watch;

use crate::binding;
use crate::estimate::{Earlier, estimate};
use crate::follow::Follower;
use crate::judge::{self, Context};
use crate::notes;
use crate::plan::{Plan, What};
use crate::session::Session;
use crate::store::{FORMAT, RunFile, Store, StoreError};

/// The control that is about starts alone.
pub(crate) const STARTUP: &str = "startup";

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
    /// What the scorecard says beside the experiments: which controls were chosen, what was inferred.
    pub notes: Vec<Note>,
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
    #[error(transparent)]
    Isolation(#[from] isolation::IsolationError),
    #[error(
        "nothing here keeps what the service writes away from your files ({reasons}). If it may \
         write to them, say so: --allow-writes-to {}", repository.display()
    )]
    Unprotected { repository: PathBuf, reasons: String },
    #[error("interrupted before anything was tried")]
    Interrupted,
}

impl ProofError {
    /// The set-up step that failed, with how it ended and its last lines, if that is why.
    pub fn failed_setup(&self) -> Option<(&str, &str, &str)> {
        match self {
            Self::Lab(LabError::StepFailed { step: "set-up", command, outcome, output }) => {
                Some((command, outcome, output))
            }
            _ => None,
        }
    }
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
    session: &Session,
    proof: Proof,
    plan: Plan,
    tell: Listener,
    mut stop: watch::Receiver<bool>,
) -> Result<Proven, ProofError> {
    let (run, zero) = (binding::run_id(fastrand::u64(..)), Instant::now());
    let redactor = Redactor::default();
    let follower = Arc::new(Follower::new(&run, zero, redactor.clone()));
    let proving = Proving {
        context: Context {
            asked: proof.asked.clone(),
            today: binding::today(),
            supplied: supplied(&proof),
        },
        zero,
        redactor,
        follower,
        rows: Mutex::new(Vec::new()),
        notes: Mutex::new(Vec::new()),
        run,
        session,
        proof,
        plan,
        tell,
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
    result
}

fn supplied(proof: &Proof) -> Option<Vec<String>> {
    proof.edge.as_ref().map(|edge| edge.controls.clone())
}

/// What a lab is opened with.
pub(crate) fn options(proof: &Proof) -> lab::Options {
    lab::Options {
        jobs: proof.jobs,
        extra: proof.extra.clone(),
        seed: proof.seed,
        root: proof.root.clone(),
        target: proof.target.clone(),
        edge: proof.edge.clone(),
    }
}

/// Where a lab of this session stands.
pub(crate) fn ground(session: &Session) -> lab::Ground {
    lab::Ground {
        confinement: Arc::clone(&session.confinement),
        source: session.source.clone(),
        place: session.place.clone(),
        program: session.program.clone(),
    }
}

struct Proving<'a> {
    session: &'a Session,
    proof: Proof,
    plan: Plan,
    tell: Listener,
    follower: Arc<Follower>,
    run: String,
    context: Context,
    zero: Instant,
    redactor: Redactor,
    rows: Mutex<Vec<Row>>,
    notes: Mutex<Vec<Note>>,
}

impl Proving<'_> {
    async fn run(&self) -> Result<Proven, ProofError> {
        let stage = |text: &str| self.say(Event::Stage { text: text.to_owned() });
        let options = options(&self.proof);
        let manifest = self.proof.manifest.clone();
        let ground = ground(self.session);
        let lab = Lab::open(manifest, ground, options, self.redactor.clone(), stage).await?;
        let store = Store::begin(&self.proof.out, &self.run)?;
        self.follower.write_to(store.events_file()?);
        let lab = Arc::new(lab);
        let ids = self.plan.steps.iter().map(|step| step.control.card().id.to_owned()).collect();
        let seconds = self.estimated();
        self.say(Event::Planned { controls: ids, seconds });
        match self.baseline(&lab, &store).await?.never_ready() {
            None => self.experiments(&lab, &store).await,
            Some(problem) => self.only_the_start(&lab, &store, problem).await,
        }
        self.finish(Some(&lab), &store, false)
    }

    /// Starts the service once, alone. Where nothing but starts is asked for, they are that
    /// themselves; a deployed service has been started.
    async fn baseline(&self, lab: &Arc<Lab>, store: &Store) -> Result<Baseline, ProofError> {
        let tried = || self.plan.steps.iter().filter(|step| step.what == What::Try);
        let only_starts = tried().all(|step| step.control.card().id == STARTUP);
        if only_starts || self.proof.target.is_some() {
            return Ok(Baseline { ready: Some(Duration::ZERO), ..Baseline::default() });
        }
        self.say(Event::Stage { text: "baseline: the service alone".to_owned() });
        let recorder = self.recorder(baseline::NAME, store)?;
        let (tell, follower) = (Arc::clone(&self.tell), Arc::clone(&self.follower));
        let progress = move |text| {
            let event = Event::Stage { text: format!("baseline: {text}") };
            follower.tell(&event);
            tell(event);
        };
        let bench = Bench::new(Arc::clone(lab), recorder.clone(), Priority::Foreground, progress);
        let result = baseline::measure(&bench).await;
        let mut baseline = baseline::conclude(&recorder.finish()?);
        if let Err(error) = result {
            let other = || Note { text: error.to_string(), ..Note::default() };
            baseline.problems.insert(0, notes::of_error(&error).unwrap_or_else(other));
        }
        if let Some(path) = &baseline.shared {
            lab.take_turns();
            self.note(Note {
                text: format!(
                    "the service writes to {path}, outside the repository, which its instances \
                     share: experiments take turns, and the run takes longer"
                ),
                advice: "give each instance its own, by a variable or a file of the manifest"
                    .to_owned(),
                log: Vec::new(),
            });
        }
        let patience = baseline.patience(self.proof.manifest.service.patience.0);
        lab.set_patience(baseline.ready.unwrap_or_default(), patience);
        baseline.problems.iter().cloned().for_each(|problem| self.note(problem));
        Ok(baseline)
    }

    /// A service that does not get ready can be tried for its start alone; the rest is undecided
    /// for the same reason.
    async fn only_the_start(&self, lab: &Arc<Lab>, store: &Store, problem: &Note) {
        for step in &self.plan.steps {
            let id = step.control.card().id;
            match &step.what {
                What::Settled(judgement) => self.add(id, judgement.clone(), Duration::ZERO),
                What::Try if id == STARTUP => self.experiment(step.control, lab, store).await,
                What::Try => {
                    let judgement = Judgement::inconclusive(problem.text.clone());
                    self.add(id, judgement, Duration::ZERO);
                }
            }
        }
    }

    /// How long everything is likely to take, from now on, in seconds.
    fn estimated(&self) -> f64 {
        let earlier = Earlier::read(&self.proof.out);
        let all = estimate(&self.proof.manifest, &self.plan, &earlier).total;
        all.saturating_sub(self.zero.elapsed()).as_secs_f64()
    }

    /// How long the run took beside its experiments, in seconds.
    fn around(&self, rows: &[Row]) -> f64 {
        let (alone, beside): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.id == STARTUP);
        let longest = |rows: &[&Row]| rows.iter().map(|row| row.seconds).fold(0.0, f64::max);
        let experiments = longest(&alone) + longest(&beside);
        (self.zero.elapsed().as_secs_f64() - experiments).max(0.0)
    }

    /// Tells the listener, and whoever follows the run.
    fn say(&self, event: Event) {
        self.follower.tell(&event);
        (self.tell)(event);
    }

    fn recorder(&self, name: &str, store: &Store) -> Result<Recorder, ProofError> {
        let file = store.observations_file(name)?;
        Ok(Recorder::new(self.zero, self.redactor.clone(), Some(file)))
    }

    async fn experiments(&self, lab: &Arc<Lab>, store: &Store) {
        for step in &self.plan.steps {
            if let What::Settled(judgement) = &step.what {
                self.add(step.control.card().id, judgement.clone(), Duration::ZERO);
            }
        }
        let quiet = || self.plan.lane(Lane::Quiet);
        let first = self.first_to_read();
        if let Some(control) = first {
            self.experiment(control, lab, store).await;
        }
        // Starts are judged by their time: nothing runs beside them.
        for control in quiet().filter(|control| control.card().id == STARTUP) {
            self.experiment(control, lab, store).await;
        }
        // The other quiet ones mostly wait; what runs beside them gives way to them.
        let quiet = quiet().filter(|control| control.card().id != STARTUP);
        let mut all: Vec<_> = quiet.chain(self.plan.lane(Lane::Shared)).collect();
        all.retain(|control| first.is_none_or(|first| first.card().id != control.card().id));
        // Who asks first starts first: what matters most is known first.
        all.sort_by_key(|control| control.card().entry().risk);
        future::join_all(all.into_iter().map(|control| self.experiment(control, lab, store))).await;
    }

    /// The riskiest of those that only read: it is decided after one start, and whoever waits has
    /// something to read while the service is started again and again.
    fn first_to_read(&self) -> Option<&'static dyn Control> {
        let starts = self.plan.lane(Lane::Quiet).any(|control| control.card().id == STARTUP);
        let reads = self.plan.lane(Lane::Shared).filter(|one| one.card().reach == Reach::Target);
        reads.min_by_key(|control| control.card().entry().risk).filter(|_| starts)
    }

    /// Whatever goes wrong concerns this control alone: what others decided is kept.
    async fn experiment(&self, control: &'static dyn Control, lab: &Arc<Lab>, store: &Store) {
        let id = control.card().id;
        self.say(Event::ExperimentStarted { control: id.to_owned() });
        let began = Instant::now();
        let judgement = self.measure_and_judge(control, lab, store).await;
        let judgement = judgement.unwrap_or_else(|error| Judgement::error(error.to_string()));
        self.add(id, judgement, began.elapsed());
    }

    async fn measure_and_judge(
        &self,
        control: &'static dyn Control,
        lab: &Arc<Lab>,
        store: &Store,
    ) -> Result<Judgement, ProofError> {
        let id = control.card().id;
        let recorder = self.recorder(id, store)?;
        let (tell, follower) = (Arc::clone(&self.tell), Arc::clone(&self.follower));
        let progress = move |text| {
            let event = Event::Progress { control: id.to_owned(), text };
            follower.tell(&event);
            tell(event);
        };
        let priority = match control.card().lane {
            Lane::Quiet => Priority::Foreground,
            Lane::Shared => Priority::Background,
        };
        let bench = Bench::new(Arc::clone(lab), recorder.clone(), priority, progress);
        let result = control.prove(&bench).await;
        let seen = recorder.finish()?;
        Ok(match result {
            Ok(()) => judge::judgement(control, &self.proof.manifest, &seen),
            Err(error) => self.not_tried(&error),
        })
    }

    /// What the lab cannot provide is not the service's fault.
    fn not_tried(&self, error: &LabError) -> Judgement {
        let Some(note) = notes::of_error(error) else { return Judgement::error(error.to_string()) };
        // What is to be installed belongs to each row that needs it.
        let text = match error {
            LabError::CannotProvide { .. } => error.to_string(),
            _ => note.text.clone(),
        };
        self.note(note);
        Judgement::inconclusive(text)
    }

    /// Once, whoever says it.
    fn note(&self, note: Note) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    fn add(&self, id: &str, judgement: Judgement, took: Duration) {
        let row =
            judge::row(&self.context, &self.proof.manifest, id, judgement, took.as_secs_f64());
        self.say(Event::ExperimentFinished { row: Box::new(row.clone()) });
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
        if self.proof.target.is_none() {
            evidence.isolation = self.session.tier().word().to_owned();
        }
        let mut notes = self.proof.notes.clone();
        notes.extend(self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone());
        notes.extend(lab.map(|lab| notes::of_attempts(&lab.attempts())).unwrap_or_default());
        let run = RunFile {
            format: FORMAT,
            binding: evidence.clone(),
            manifest: self.proof.manifest.clone(),
            seconds: rows.iter().map(|row| (row.id.clone(), row.seconds)).collect(),
            around: self.around(&rows),
            is_part: self.plan.is_part || partial,
            asked: self.proof.asked.clone(),
            supplied: supplied(&self.proof),
            notes: notes.clone(),
        };
        // A full disk must not cost the verdicts, which can still be shown.
        if let Err(error) = store.write_run(&run, &self.redactor) {
            let text = format!("the evidence could not be stored: {error}");
            notes.push(Note { text, ..Note::default() });
        }
        let part = self.plan.is_part;
        let scorecard =
            judge::scorecard(&self.proof.manifest, rows, evidence, notes, part, partial);
        if let Err(error) = store.write_scorecard(&scorecard, &self.redactor) {
            self.say(Event::Stage { text: format!("the scorecard could not be stored: {error}") });
        }
        self.say(Event::Finished { scorecard: Box::new(scorecard.clone()) });
        Ok(Proven { scorecard, store: store.clone(), redactor: self.redactor.clone() })
    }
}
