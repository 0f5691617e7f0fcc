//! Building the service without writing into its repository.
//!
//! With namespaces the build sees its repository in its place and writes into a layer that is kept
//! in the user's cache, so that the next build is incremental. Otherwise it works in a copy there,
//! which is brought up to date first. A build has the user's own environment and network: it
//! fetches dependencies.

mod layer;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use isolation::{LaunchPlan, Overlay, Tier};
use lab::LabError;
use lab::place::Place;
use model::Event;
use sha2::{Digest, Sha256};

use crate::run::{Listener, ProofError};

/// The longest that a build may take.
const LONGEST: Duration = Duration::from_secs(3600);
/// Runs of one service at the same time each need a build of their own.
const SLOTS: u32 = 64;

/// What is to be built.
pub(crate) struct Order<'a> {
    pub(crate) command: &'a str,
    pub(crate) program: &'a Path,
    pub(crate) repository: &'a Path,
    pub(crate) service: &'a Path,
    pub(crate) place: &'a Place,
    pub(crate) tier: Tier,
    pub(crate) tell: &'a Listener,
}

/// What was built.
pub(crate) struct Built {
    /// A layer above the repository with views, a whole copy without.
    pub(crate) folder: PathBuf,
    /// Held while it is in use.
    pub(crate) slot: File,
}

pub(crate) async fn run(order: &Order<'_>) -> Result<Built, ProofError> {
    let Order { command, repository, service, .. } = order;
    let stage = |text: String| (order.tell)(Event::Stage { text });
    stage(format!("building: {command}"));
    let (cache, slot) = free_slot(repository)?;
    let file = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| LabError::File { action, path, source }
    };
    let (plan, folder) = if order.tier == Tier::Namespaces {
        let upper = cache.join("layer");
        layer::refresh(&upper, repository).map_err(file("read", &upper))?;
        let overlay = Overlay {
            lower: vec![repository.to_path_buf()],
            upper: upper.clone(),
            work: cache.join("work"),
            at: repository.to_path_buf(),
            user_namespace: isolation::needs_user_namespace(),
        };
        overlay.prepare().map_err(file("make", &upper))?;
        let plan = LaunchPlan {
            user_namespace: overlay.user_namespace,
            overlays: vec![overlay],
            folder: repository.join(service),
            ..LaunchPlan::default()
        };
        (plan, upper)
    } else {
        let copy = cache.join("copy");
        let list = cache.join("mirrored");
        lab::workspace::mirror(repository, &copy, &list).map_err(file("copy", repository))?;
        (LaunchPlan { folder: copy.join(service), ..LaunchPlan::default() }, copy)
    };
    let argv = plan.command(order.program, ["sh", "-c", command].map(str::to_owned).to_vec());
    let tell = Arc::clone(order.tell);
    let told = move |line: &str| tell(Event::Stage { text: format!("building: {}", line.trim()) });
    let env = process::spawn::environment().0.into_iter().collect();
    let result = lab::step::run("build", argv, &order.place.next(), env, LONGEST, told).await;
    result.map_err(|error| match error {
        LabError::StepFailed { step, outcome, output, .. } => {
            LabError::StepFailed { step, command: (*command).to_owned(), outcome, output }
        }
        other => other,
    })?;
    if order.tier == Tier::Namespaces {
        layer::remember(&folder, repository).map_err(file("write", &folder))?;
    }
    Ok(Built { folder, slot })
}

/// A folder in the user's cache that nobody else uses, and the lock that keeps it so.
fn free_slot(repository: &Path) -> Result<(PathBuf, File), ProofError> {
    let cache = cache(repository)?;
    for number in 0..SLOTS {
        let folder = cache.join(number.to_string());
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        if lock.try_lock().is_ok() {
            return Ok((folder, lock));
        }
    }
    let text = format!("{SLOTS} runs of this service are under way; wait for one to end");
    Err(ProofError::Prepare(std::io::Error::other(text)))
}

/// The folder for builds of this repository: in the user's cache, unless that lies in the
/// repository itself, because a layer cannot lie in what it covers.
fn cache(repository: &Path) -> Result<PathBuf, ProofError> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let user = named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
    let user = user.filter(|path| path.is_absolute() && !path.starts_with(repository));
    let base = match user.map(|path| path.join("seaworthy")) {
        Some(path) if fs::create_dir_all(&path).is_ok() => path,
        _ => process::records::base()?.join(process::records::BUILDS),
    };
    let digest = Sha256::digest(repository.to_string_lossy().as_bytes());
    let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(base.join("builds").join(short))
}
