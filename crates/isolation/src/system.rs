//! Makes the whole system copy-on-write for this mount namespace.
//!
//! Each folder of the root is covered by an overlay whose changes live in memory, and so is each
//! file system that is mounted further down. A Unix socket below an overlay cannot be connected to,
//! because the kernel looks sockets up by the inode of the view: a database or a container daemon
//! of the user is out of reach that way too.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::IsolationError;
use crate::mounts::{self, Mounted};
use crate::overlay::Overlay;

/// Folders of the root that hold no files: what they show is the kernel's.
const KERNEL: &[&str] = &["/proc", "/sys", "/dev"];

/// What covering the system came to.
#[derive(Debug, Default)]
pub(crate) struct Covered {
    /// What is mounted below the repository; a view of it must show these again.
    pub(crate) below_repository: Vec<PathBuf>,
    /// What could only be made read-only: Unix sockets below it can still be connected to.
    pub(crate) read_only: Vec<PathBuf>,
}

/// Covers everything; `kept` stays writable for good, and what is mounted below `base`, the folder of
/// all runs, is the run's own. Layers are kept in memory at `layers`.
pub(crate) fn protect(
    layers: &Path,
    base: &Path,
    repository: &Path,
    kept: &[&Path],
    user_namespace: bool,
) -> Result<Covered, IsolationError> {
    let doing = |text: &str| IsolationError::doing::<io::Error>(text.to_owned());
    let mounted = mounts::all().map_err(doing("read what is mounted"))?;
    fs::create_dir_all(layers).map_err(doing("make the folder of the layers"))?;
    mounts::memory(layers, 0o755).map_err(doing("mount memory for the layers"))?;
    // By its descriptor it can be reached whatever covers its path.
    let held = mounts::open(layers).map_err(doing("open the folder of the layers"))?;
    let layers = mounts::link(&held);
    let opened: Vec<File> = kept
        .iter()
        .map(|path| mounts::open(path))
        .collect::<io::Result<_>>()
        .map_err(doing("open what stays writable"))?;
    let mut targets = targets(&mounted).map_err(doing("list the folders of the root"))?;
    targets.retain(|target| !target.path.starts_with(base));
    targets.sort_by_key(|target| depth(&target.path));
    let below = targets.iter().map(|target| &target.path);
    let below = below.filter(|path| path.starts_with(repository) && *path != repository);
    let mut covered = Covered { below_repository: below.cloned().collect(), ..Covered::default() };
    let targets: Vec<(Target, File)> = targets
        .into_iter()
        .filter_map(|target| mounts::open(&target.path).ok().map(|opened| (target, opened)))
        .collect();
    for (number, (target, opened)) in targets.iter().enumerate() {
        let layer = layers.join(number.to_string());
        if cover(target, opened, &layer, user_namespace)? == Cover::ReadOnly {
            covered.read_only.push(target.path.clone());
        }
    }
    for (path, opened) in kept.iter().zip(&opened) {
        mounts::bind_opened(opened, path)
            .map_err(doing(&format!("keep {} writable", path.display())))?;
    }
    // What lies in the root folder itself, such as a swap file. Only root could write there.
    let _ = mounts::read_only(Path::new("/"));
    if !user_namespace {
        for path in ["/proc/sys", "/sys"].map(Path::new) {
            mounts::bind(path, path)
                .and_then(|()| mounts::read_only(path))
                .map_err(doing(&format!("make {} read-only", path.display())))?;
        }
    }
    let shared_memory = Path::new("/dev/shm");
    if shared_memory.is_dir() {
        mounts::memory(shared_memory, 0o1777).map_err(doing("replace /dev/shm"))?;
    }
    Ok(covered)
}

/// Folders for everybody's temporary files that lie further down. They need layers of their own: in
/// a user namespace a folder of root's cannot be copied up.
const TEMPORARY: &[&str] = &["/var/tmp", "/run/lock"];

/// Something to cover.
struct Target {
    path: PathBuf,
    is_pseudo: bool,
}

fn depth(path: &Path) -> usize {
    path.components().count()
}

/// The folders of the root and what is mounted below them.
fn targets(mounted: &[Mounted]) -> io::Result<Vec<Target>> {
    let is_kernels = |path: &Path| KERNEL.iter().any(|folder| path.starts_with(folder));
    let mut all = Vec::new();
    for entry in fs::read_dir("/")?.flatten() {
        let path = entry.path();
        if entry.file_type()?.is_dir() && !is_kernels(&path) {
            all.push(Target { path, is_pseudo: false });
        }
    }
    let temporary = TEMPORARY.iter().map(PathBuf::from);
    // A link leads to a folder that is covered as what it is.
    let temporary = temporary.filter(|path| path.canonicalize().is_ok_and(|real| real == *path));
    all.extend(temporary.map(|path| Target { path, is_pseudo: false }));
    for one in mounted {
        let known = all.iter_mut().find(|target| target.path == one.at);
        match known {
            Some(target) => target.is_pseudo = one.is_pseudo(),
            None if one.at == Path::new("/") || is_kernels(&one.at) => {}
            None => all.push(Target { path: one.at.clone(), is_pseudo: one.is_pseudo() }),
        }
    }
    Ok(all)
}

/// How something was covered.
#[derive(Debug, PartialEq, Eq)]
enum Cover {
    /// What is written is thrown away, and sockets cannot be connected to.
    Overlay,
    /// It holds no files of the user's, or is not there any more.
    Nothing,
    ReadOnly,
}

/// Covers one folder. Where no overlay can be had (a network file system, say), it becomes
/// read-only; where not even that, the run is refused, because it could be written to.
fn cover(
    target: &Target,
    opened: &File,
    layer: &Path,
    user_namespace: bool,
) -> Result<Cover, IsolationError> {
    let path = &target.path;
    let doing =
        |text: &str| IsolationError::doing::<io::Error>(format!("{text} {}", path.display()));
    let original = mounts::link(opened);
    if path.is_dir() && !target.is_pseudo {
        let overlay = Overlay {
            lower: vec![original.clone()],
            upper: layer.join("upper"),
            work: layer.join("work"),
            at: path.clone(),
            user_namespace,
        };
        let mounted = overlay.prepare().and_then(|()| overlay.mount());
        if mounted.is_ok() {
            return Ok(Cover::Overlay);
        }
    }
    let Ok(found) = fs::symlink_metadata(path) else {
        // An outer overlay hides a mount point that its lower folder does not have.
        return Ok(Cover::Nothing);
    };
    if fs::metadata(&original).is_ok_and(|meta| meta.file_type().is_socket()) {
        // A socket that was handed into a container, such as its daemon's: nobody answers any more.
        fs::create_dir_all(layer).map_err(doing("make a layer for"))?;
        let empty = layer.join("empty");
        File::create(&empty).map_err(doing("make a layer for"))?;
        if !found.file_type().is_symlink() {
            mounts::bind(&empty, path).map_err(doing("cover the socket"))?;
        }
        return Ok(Cover::Overlay);
    }
    mounts::bind(&original, path).map_err(doing("show again"))?;
    if target.is_pseudo {
        return Ok(Cover::Nothing);
    }
    mounts::read_only(path).map_err(doing("make read-only"))?;
    Ok(if path.is_dir() { Cover::ReadOnly } else { Cover::Nothing })
}
