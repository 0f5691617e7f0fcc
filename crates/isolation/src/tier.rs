//! How well this system lets a run be kept apart.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::confinement::{Confinement, Request};
use crate::landlock_rules;

/// The word by which the program is asked to try the namespaces and to say how it went.
pub const PROBE: &str = "__isolation";

/// How a run is kept apart from the user's files and network, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Copy-on-write file systems and a network of its own: nothing that is written lasts, and
    /// nothing that is sent leaves.
    Namespaces,
    /// The service runs in a copy of its repository, and Landlock refuses writes elsewhere and TCP
    /// connections to ports that the lab did not lease.
    Landlock,
    /// The service runs in a copy of its repository; what resolves links can still reach originals.
    Copies,
}

impl Tier {
    /// The stable word for it, in evidence and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces",
            Self::Landlock => "landlock",
            Self::Copies => "copies",
        }
    }

    /// The tier of this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Namespaces, Self::Landlock, Self::Copies]
            .into_iter()
            .find(|tier| tier.word() == word)
    }
}

/// The strongest tier that works here, and why stronger ones do not. Namespaces are tried in a
/// process of its own (`program`), because entering them cannot be undone.
pub fn probe(program: &Path, repository: &Path) -> (Tier, Vec<String>) {
    let mut reasons = Vec::new();
    let base = process::records::base();
    let run = base.map(|base| base.join(format!("probe-{}", std::process::id())));
    let tried = run.and_then(|run| {
        std::fs::create_dir(&run)?;
        let mut command = Command::new(program);
        command.arg(PROBE).arg(&run).arg(repository).stdin(Stdio::null());
        let tried = command.output();
        process::records::remove(&run)?;
        tried
    });
    match tried {
        Ok(output) if output.status.success() => return (Tier::Namespaces, reasons),
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            reasons.push(format!("namespaces: {why}"));
        }
        Err(error) => reasons.push(format!("namespaces: {error}")),
    }
    if landlock_rules::is_supported() {
        return (Tier::Landlock, reasons);
    }
    reasons.push("Landlock: this kernel does not have it, or it is turned off".to_owned());
    (Tier::Copies, reasons)
}

/// The whole life of the probing process: enters namespaces as a run would, and mounts a view. `run`
/// is an empty folder that whoever asks removes.
///
/// # Errors
/// What is not allowed here.
pub fn serve_probe(run: &Path, repository: &Path) -> Result<(), String> {
    let wrong = |error: &dyn std::error::Error| error.to_string();
    let base = run.parent().unwrap_or(run);
    let request = Request {
        tier: Tier::Namespaces,
        run,
        base,
        repository,
        built: None,
        out: base,
        allowed: &[],
    };
    let confinement = Confinement::enter(&request, None).map_err(|error| wrong(&error))?;
    let view = confinement.view(&run.join("view"), &[]).map_err(|error| wrong(&error))?;
    drop(view);
    Ok(())
}
