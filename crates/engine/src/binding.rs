//! What a run's evidence is bound to: commit, manifest, artifact, versions, seed, date.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use jiff::{Timestamp, ToSpan, Unit};
use model::scorecard::Binding;
use sha2::{Digest, Sha256};

/// How long evidence counts, in days.
pub const DAYS: i64 = 30;

/// A sortable id for a run that begins now.
pub fn run_id(seed: u64) -> String {
    let now = Timestamp::now().round(Unit::Second).unwrap_or_else(|_| Timestamp::now());
    let digits: String = now.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{}-{:06x}", digits.to_lowercase(), seed & 0xff_ffff)
}

/// Binds a run that begins now.
pub fn bind(
    run: &str,
    folder: &Path,
    manifest: &str,
    program: Option<&Path>,
    seed: u64,
) -> Binding {
    let now = Timestamp::now().round(Unit::Second).unwrap_or_else(|_| Timestamp::now());
    let expires = now.checked_add((DAYS * 24).hours()).unwrap_or(now);
    let (commit, dirty) = git(folder);
    Binding {
        run: run.to_owned(),
        date: now.to_string(),
        expires: expires.to_string(),
        seaworthy: env!("CARGO_PKG_VERSION").to_owned(),
        commit,
        dirty,
        manifest: hex(&Sha256::digest(manifest.as_bytes())),
        artifact: program.and_then(hash_file).unwrap_or_default(),
        seed,
        isolation: String::new(),
        lab: Vec::new(),
    }
}

/// Today, as YYYY-MM-DD, UTC.
pub fn today() -> String {
    Timestamp::now().to_string().chars().take(10).collect()
}

/// Now, RFC 3339, UTC.
pub fn now() -> String {
    Timestamp::now().to_string()
}

/// The commit of a folder's checkout; empty where it is none.
pub fn commit(folder: &Path) -> String {
    git(folder).0
}

fn git(folder: &Path) -> (String, bool) {
    let run = |arguments: &[&str]| {
        // Asking must not refresh the index, which is a file of the user's.
        let mut command = Command::new("git");
        command.env("GIT_OPTIONAL_LOCKS", "0").args(["-c", "core.fsmonitor=false"]);
        let output = command.arg("-C").arg(folder).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match run(&["rev-parse", "HEAD"]) {
        Some(commit) => {
            let changes = run(&["status", "--porcelain", "--", "."]);
            (commit, changes.is_none_or(|changes| !changes.is_empty()))
        }
        None => (String::new(), false),
    }
}

fn hash_file(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; 256 * 1024];
    loop {
        match file.read(&mut chunk).ok()? {
            0 => return Some(hex(&hash.finalize())),
            count => hash.update(&chunk[..count]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_can_be_file_names() {
        let id = run_id(255);
        assert!(id.ends_with("-0000ff"), "{id}");
        assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{id}");
    }

    #[test]
    fn evidence_expires() {
        let binding = bind("r", Path::new("/"), "x", None, 1);
        assert!(binding.expires > binding.date);
        assert_eq!(binding.manifest.len(), 64);
        assert_eq!(today().len(), 10);
    }
}
