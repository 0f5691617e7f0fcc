//! What one invocation sets up before anything is proven: the record of what it starts, the keeper,
//! the build, and the confinement that this process moves into.
//!
//! The order matters: the build needs the network, the confinement needs a process with one thread,
//! and the keeper must stay outside to clean up.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use isolation::{Confinement, Outside, Request, Tier};
use lab::place::Place;
use lab::workspace::Source;
use process::{Keeper, Record};

use crate::binding;
use crate::build;
use crate::run::{Listener, ProofError};

/// What a session is opened for.
#[derive(Debug, Clone)]
pub struct Opening {
    /// This program, which also is keeper and launcher.
    pub program: PathBuf,
    /// The folder of the manifest.
    pub root: PathBuf,
    /// The service's folder, relative to it.
    pub folder: String,
    /// Where evidence goes.
    pub out: PathBuf,
    /// Paths that the service may really write to, because the user says so.
    pub allow_writes_to: Vec<PathBuf>,
    /// The tier to use; the strongest that works when none is named.
    pub tier: Option<Tier>,
}

/// An invocation that may start services.
#[derive(Debug)]
pub struct Session {
    pub(crate) record: Arc<Record>,
    pub(crate) place: Place,
    pub(crate) program: PathBuf,
    pub(crate) confinement: Arc<Confinement>,
    pub(crate) source: Source,
    keeper: Keeper,
    /// Held while what was built is in use.
    _slot: Option<File>,
    /// What a user should know about how it was set up.
    pub notes: Vec<String>,
}

/// A session that is not confined yet.
#[derive(Debug)]
pub struct Unconfined {
    opening: Opening,
    record: Arc<Record>,
    keeper: Keeper,
    place: Place,
    tier: Tier,
    repository: PathBuf,
    source: Source,
    slot: Option<File>,
    notes: Vec<String>,
}

impl Unconfined {
    /// Begins the record, starts the keeper and finds out how well this system keeps things apart.
    ///
    /// # Errors
    /// When something cannot be written, or nothing protects the user's files here and the user has
    /// not allowed that.
    pub fn open(opening: Opening) -> Result<Self, ProofError> {
        let swept = process::records::sweep()?;
        process::tree::adopt_orphans()?;
        let (repository, service) = repository(&opening)?;
        if repository.to_str().is_none() || repository.parent().is_none() {
            let text = format!(
                "the repository {} cannot be proven: expected a folder below the root whose path is \
                 UTF-8; move it, or put a manifest into a folder of its own",
                repository.display()
            );
            return Err(ProofError::Prepare(std::io::Error::other(text)));
        }
        let run = binding::run_id(fastrand::u64(..));
        let record = Arc::new(Record::begin(&run)?);
        let keeper = Keeper::start(&opening.program, &record.path())?;
        let place = Place::first(Arc::clone(&record), &run);
        let (tier, reasons) = match opening.tier {
            Some(tier) => (tier, vec![format!("{} was asked for", tier.word())]),
            None => isolation::probe(&opening.program, &repository),
        };
        let mut notes = Vec::new();
        if !swept.is_empty() {
            notes
                .push(format!("cleaned up after {} that had not ended in order", swept.join(", ")));
        }
        if tier != Tier::Namespaces {
            let reasons = reasons.join("; ");
            let allowed = opening.allow_writes_to.iter().any(|path| repository.starts_with(path));
            if tier == Tier::Copies && !allowed {
                return Err(ProofError::Unprotected { repository, reasons });
            }
            notes.push(weaker(tier, &reasons));
        }
        crate::store::prepare(&opening.out)?;
        let source = Source { service, built: None };
        let slot = None;
        Ok(Self { opening, record, keeper, place, tier, repository, source, slot, notes })
    }

    /// Builds the service in a view or copy of its repository that is kept for the next time, with
    /// the user's own environment and the network.
    ///
    /// # Errors
    /// When the build fails.
    pub async fn build(&mut self, command: &str, tell: &Listener) -> Result<(), ProofError> {
        let built = build::run(&build::Order {
            command,
            program: &self.opening.program,
            repository: &self.repository,
            service: &self.source.service,
            place: &self.place,
            tier: self.tier,
            tell,
        })
        .await?;
        self.source.built = Some(built.folder);
        self.slot = Some(built.slot);
        Ok(())
    }

    /// Moves this process, which must have one thread, into the confinement.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn confine(mut self) -> Result<Session, ProofError> {
        let base = process::records::base()?;
        let outside = match self.tier {
            Tier::Namespaces => Some(Outside::start(&self.opening.program)?),
            Tier::Landlock | Tier::Copies => None,
        };
        let absolute = |path: &Path| {
            let named = |error: std::io::Error| {
                std::io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            };
            path.canonicalize().map_err(named).map_err(ProofError::Prepare)
        };
        // Only what this run writes: whoever keeps evidence beside other things keeps those.
        let out = absolute(&self.opening.out.join("runs"))?;
        let allowed = self.opening.allow_writes_to.iter();
        let allowed = allowed.map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
        let request = Request {
            tier: self.tier,
            run: self.record.folder(),
            base: &base,
            repository: &self.repository,
            built: self.source.built.as_deref(),
            out: &out,
            allowed: &allowed,
        };
        let confinement = Confinement::enter(&request, outside)?;
        for path in confinement.read_only() {
            self.notes.push(format!(
                "{} is read-only for the service, because its file system takes no overlay; Unix \
                 sockets below it can be connected to",
                path.display()
            ));
        }
        self.source.built = confinement.built.clone();
        Ok(Session {
            record: self.record,
            place: self.place,
            program: self.opening.program,
            confinement: Arc::new(confinement),
            source: self.source,
            keeper: self.keeper,
            _slot: self.slot,
            notes: self.notes,
        })
    }
}

/// What a weaker tier leaves open, and why there is no stronger one.
fn weaker(tier: Tier, reasons: &str) -> String {
    let open = match tier {
        Tier::Namespaces => "",
        Tier::Landlock => {
            "the service runs in a copy of the repository, and Landlock refuses writes elsewhere and \
             TCP connections to ports that are not the lab's; Unix sockets, UDP, /dev and the modes \
             and times of files stay within its reach"
        }
        Tier::Copies => {
            "the service runs in a copy of the repository, and nothing refuses writes elsewhere; a \
             connection that leaves the lab is noticed after it was made"
        }
    };
    format!("isolation is weaker here ({reasons}): {open}")
}

impl Session {
    /// A session for a deployed service: nothing is started, so nothing is confined.
    ///
    /// # Errors
    /// When something cannot be written.
    pub fn for_target(mut opening: Opening) -> Result<Self, ProofError> {
        opening.tier = Some(Tier::Copies);
        opening.allow_writes_to = vec![PathBuf::from("/")];
        let mut unconfined = Unconfined::open(opening)?;
        unconfined.notes.clear();
        unconfined.confine()
    }

    /// Which tier keeps the run apart.
    pub fn tier(&self) -> Tier {
        self.confinement.tier
    }

    /// Ends everything that is left and removes the run's folder.
    ///
    /// # Errors
    /// When the keeper cannot be waited for.
    pub fn finish(self) -> Result<(), ProofError> {
        drop((self.record, self.place));
        Ok(self.keeper.finish()?)
    }
}

/// The repository that a service belongs to, and the service's folder in it: the nearest folder
/// upwards that git knows, or else the manifest's.
fn repository(opening: &Opening) -> Result<(PathBuf, PathBuf), ProofError> {
    let root = opening.root.canonicalize()?;
    let folder = opening.root.join(&opening.folder);
    let folder = folder.canonicalize().map_err(|source| lab::LabError::File {
        action: "enter",
        path: folder.clone(),
        source,
    })?;
    let home = std::env::var_os("HOME").and_then(|home| PathBuf::from(home).canonicalize().ok());
    let is_repository = |path: &&Path| path.join(".git").exists();
    let found = folder.ancestors().find(is_repository).map(Path::to_owned);
    // Some keep their whole home in git.
    let found = found.filter(|path| Some(path) != home.as_ref() && path.parent().is_some());
    let beside = if folder.starts_with(&root) { root } else { folder.clone() };
    let repository = found.unwrap_or(beside);
    let service = folder.strip_prefix(&repository).unwrap_or(Path::new("")).to_owned();
    Ok((repository, service))
}
