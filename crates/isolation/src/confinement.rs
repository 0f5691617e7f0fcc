//! What a run is kept in, and what it needs from there: views of the repository, a way to
//! addresses that the user allowed, and who tried to get out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::egress::{Attempt, Egress};
use crate::launcher::{Bind, LaunchPlan};
use crate::outside::Outside;
use crate::overlay::Overlay;
use crate::system::Covered;
use crate::tier::Tier;
use crate::{IsolationError, egress, mounts, namespaces, system};

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub tier: Tier,
    /// The run's own folder.
    pub run: &'a Path,
    /// The folder that holds those of all runs; it stays writable.
    pub base: &'a Path,
    /// The repository of the service: each instance gets a view of its own of it.
    pub repository: &'a Path,
    /// What the build made: a layer above the repository with namespaces, a whole copy without.
    pub built: Option<&'a Path>,
    /// Where evidence goes; it stays writable for seaworthy itself.
    pub out: &'a Path,
    /// What the service may really write to, because the user says so.
    pub allowed: &'a [PathBuf],
}

/// The place in which a run happens.
#[derive(Debug)]
pub struct Confinement {
    pub tier: Tier,
    /// The repository as the user knows it.
    pub repository: PathBuf,
    /// The repository's original, read-only where the tier can make it so.
    pub original: PathBuf,
    /// What the build made, where it can be found from inside.
    pub built: Option<PathBuf>,
    /// What the service may write to beside its own folders.
    pub allowed: Vec<PathBuf>,
    user_namespace: bool,
    covered: Covered,
    /// Where layers live in memory.
    layers: PathBuf,
    /// The run's own folder, with nothing to show in it.
    run: PathBuf,
    /// Where evidence goes.
    out: PathBuf,
    egress: Option<Arc<Egress>>,
    outside: Option<Arc<Outside>>,
}

impl Confinement {
    /// Moves this process, which must have one thread, into the confinement. `outside` is asked for
    /// connections to addresses that lie beyond it.
    ///
    /// # Errors
    /// When the system refuses; the process is then of no further use.
    pub fn enter(request: &Request<'_>, outside: Option<Outside>) -> Result<Self, IsolationError> {
        let outside = outside.map(Arc::new);
        let mut confinement = Self {
            tier: request.tier,
            repository: request.repository.to_owned(),
            original: request.repository.to_owned(),
            built: request.built.map(Path::to_owned),
            allowed: request.allowed.to_vec(),
            user_namespace: false,
            covered: Covered::default(),
            layers: PathBuf::new(),
            run: PathBuf::new(),
            out: request.out.to_owned(),
            egress: None,
            outside,
        };
        if request.tier != Tier::Namespaces {
            return Ok(confinement);
        }
        let doing = |text: &str| IsolationError::doing::<io::Error>(text.to_owned());
        confinement.user_namespace =
            namespaces::enter().map_err(doing("enter namespaces of its own"))?;
        mounts::make_private().map_err(doing("keep mounts to itself"))?;
        confinement.original = shown_again(request.repository, &request.run.join("repository"))?;
        if let Some(built) = request.built {
            confinement.built = Some(shown_again(built, &request.run.join("built"))?);
        }
        let keep: Vec<&Path> = [request.base, request.out]
            .into_iter()
            .chain(request.allowed.iter().map(PathBuf::as_path))
            .collect();
        let layers = request.run.join("layers");
        let user_namespace = confinement.user_namespace;
        confinement.covered =
            system::protect(&layers, request.base, request.repository, &keep, user_namespace)?;
        confinement.layers = layers;
        let empty = request.run.join("empty");
        fs::create_dir_all(&empty).map_err(doing("make an empty folder"))?;
        fs::write(request.run.join("empty-file"), "").map_err(doing("make an empty file"))?;
        confinement.run = request.run.to_owned();
        // The current folder is still what it was below everything that now covers it.
        let here = std::env::current_dir().map_err(doing("find the current folder"))?;
        std::env::set_current_dir(&here).map_err(doing("enter the current folder again"))?;
        egress::loopback().map_err(doing("bring up a loopback interface"))?;
        confinement.egress = Egress::open(request.run).map(Arc::new);
        Ok(confinement)
    }

    /// A view of the repository for one instance: `below` are finished layers, the topmost first.
    /// `None` where this tier has no views.
    ///
    /// # Errors
    /// When it cannot be mounted.
    pub fn view(
        &self,
        folder: &Path,
        below: &[PathBuf],
    ) -> Result<Option<Overlay>, IsolationError> {
        if self.tier != Tier::Namespaces {
            return Ok(None);
        }
        let mut lower = below.to_vec();
        lower.push(self.original.clone());
        let overlay = |layers: &Path| Overlay {
            lower: lower.clone(),
            upper: layers.join("upper"),
            work: layers.join("work"),
            at: folder.join("merged"),
            user_namespace: self.user_namespace,
        };
        let on_disk = overlay(folder);
        if on_disk.prepare().and_then(|()| on_disk.mount()).is_ok() {
            return Ok(Some(on_disk));
        }
        // The file system of the run's folder may itself be an overlay, as in a container.
        let name = folder.file_name().unwrap_or_default();
        let in_memory = overlay(&self.layers.join("views").join(name));
        let action = format!("mount a view of {}", self.repository.display());
        in_memory
            .prepare()
            .and_then(|()| in_memory.mount())
            .map_err(IsolationError::doing(action))?;
        Ok(Some(in_memory))
    }

    /// How a program is started that sees `view` in the repository's place and begins in `folder`.
    /// `writable` and `ports` are what Landlock lets it write to and connect to.
    pub fn launch(
        &self,
        view: Option<&Overlay>,
        folder: &Path,
        writable: &[PathBuf],
        ports: &[u16],
    ) -> LaunchPlan {
        let mut plan = LaunchPlan { folder: folder.to_owned(), ..LaunchPlan::default() };
        if let Some(view) = view {
            plan.user_namespace = self.user_namespace;
            plan.binds = vec![Bind { from: view.at.clone(), at: self.repository.clone() }];
            // The view does not show what is mounted below the repository.
            let mounted = self.covered.below_repository.iter();
            plan.binds.extend(mounted.map(|path| Bind { from: path.clone(), at: path.clone() }));
            // Evidence is not the service's to write, wherever it goes.
            if !self.out.starts_with(&self.repository) {
                plan.binds.push(Bind { from: self.run.join("empty"), at: self.out.clone() });
            }
            // What the user allowed by name is not part of the view.
            let inside = self.allowed.iter().filter(|path| path.starts_with(&self.repository));
            plan.binds.extend(inside.map(|path| Bind { from: path.clone(), at: path.clone() }));
        }
        if self.tier == Tier::Landlock {
            let allowed = self.allowed.iter().cloned();
            plan.landlock = Some(crate::launcher::Landlock {
                writable: writable.iter().cloned().chain(allowed).collect(),
                ports: ports.to_vec(),
            });
        }
        plan
    }

    /// How a file is hidden that cannot be removed from a view.
    pub fn hiding(&self, file: &Path) -> Bind {
        Bind { from: self.run.join("empty-file"), at: file.to_owned() }
    }

    /// What could only be made read-only, so that Unix sockets below it can be connected to.
    pub fn read_only(&self) -> &[PathBuf] {
        &self.covered.read_only
    }

    /// What tried to get out since it was last asked, by the mark of the processes that tried.
    pub fn attempts(&self, mark: &str) -> Vec<Attempt> {
        self.egress.as_ref().map(|egress| egress.take(mark)).unwrap_or_default()
    }

    /// The way to addresses that lie beyond, where this process cannot reach them itself.
    pub fn outside(&self) -> Option<Arc<Outside>> {
        self.outside.clone().filter(|_| self.tier == Tier::Namespaces)
    }
}

/// Shows a folder at a second place, where nobody can write to it: views are made of it after its own
/// place is covered.
fn shown_again(folder: &Path, at: &Path) -> Result<PathBuf, IsolationError> {
    fs::create_dir_all(at)
        .and_then(|()| mounts::bind(folder, at))
        .and_then(|()| mounts::read_only(at))
        .map_err(IsolationError::doing(format!("show {} a second time", folder.display())))?;
    Ok(at.to_owned())
}
