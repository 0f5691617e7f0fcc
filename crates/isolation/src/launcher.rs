//! The last step before a confined program: this program, executed with a plan, arranges what the
//! program may see and then becomes it. The process id stays the same.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::overlay::Overlay;
use crate::{landlock_rules, mounts, namespaces};

/// The word by which the program is asked to be the launcher.
pub const WORD: &str = "__launch";

/// How a line begins that tells why the program could not be executed.
pub const REFUSED: &str = "seaworthy could not start it: ";

/// What a program sees and where it begins.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchPlan {
    /// Whether mounting needs a user namespace of its own.
    pub user_namespace: bool,
    /// Views to mount for it alone.
    pub overlays: Vec<Overlay>,
    /// What is shown elsewhere.
    pub binds: Vec<Bind>,
    pub folder: PathBuf,
    pub landlock: Option<Landlock>,
}

/// A folder that is shown at a second place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    pub from: PathBuf,
    pub at: PathBuf,
}

/// What Landlock lets a program do beside reading and executing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Landlock {
    pub writable: Vec<PathBuf>,
    /// TCP ports that it may connect to.
    pub ports: Vec<u16>,
}

impl LaunchPlan {
    /// The command that starts `argv` under this plan. `program` is seaworthy itself.
    pub fn command(&self, program: &Path, argv: Vec<String>) -> Vec<String> {
        let plan = serde_json::to_string(self).unwrap_or_default();
        let program = program.to_string_lossy().into_owned();
        [program, WORD.to_owned(), plan].into_iter().chain(argv).collect()
    }

    fn arrange(&self) -> Result<(), String> {
        let wrong = |what: String| move |error: std::io::Error| format!("{what}: {error}");
        if !self.binds.is_empty() || !self.overlays.is_empty() {
            namespaces::enter_mounts(self.user_namespace)
                .and_then(|()| mounts::make_private())
                .map_err(wrong("entering a mount namespace".to_owned()))?;
        }
        for overlay in &self.overlays {
            let what = format!("mounting a view of {}", overlay.at.display());
            overlay.mount().map_err(wrong(what))?;
        }
        // All are opened first: the first that is shown may cover the others.
        let opened: Vec<_> = self.binds.iter().map(|bind| mounts::open(&bind.from)).collect();
        for (Bind { at, .. }, opened) in self.binds.iter().zip(opened) {
            let what = format!("showing {}", at.display());
            opened.and_then(|from| mounts::bind_opened(&from, at)).map_err(wrong(what))?;
        }
        std::env::set_current_dir(&self.folder)
            .map_err(wrong(format!("entering {}", self.folder.display())))?;
        match &self.landlock {
            Some(rules) => landlock_rules::restrict(rules),
            None => Ok(()),
        }
    }
}

/// The launcher's whole life: `words` are the plan and the command. Returns only when the program
/// could not be executed, with the reason.
pub fn serve(mut words: impl Iterator<Item = std::ffi::OsString>) -> String {
    let plan = words.next().unwrap_or_default();
    let argv: Vec<_> = words.collect();
    let result = serde_json::from_str::<LaunchPlan>(&plan.to_string_lossy())
        .map_err(|error| format!("the plan cannot be read: {error}"))
        .and_then(|plan| plan.arrange());
    let why = match (result, argv.split_first()) {
        (Err(why), _) => why,
        (Ok(()), None) => "there is nothing to execute".to_owned(),
        (Ok(()), Some((program, arguments))) => {
            let error = Command::new(program).args(arguments).exec();
            format!("{}: {error}", program.to_string_lossy())
        }
    };
    format!("{REFUSED}{why}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_cannot_be_read_is_told() {
        let why = serve(["{".into(), "true".into()].into_iter());
        assert!(why.starts_with(REFUSED) && why.contains("cannot be read"), "{why}");
    }

    #[test]
    fn a_program_that_is_not_there_is_told() {
        let plan = LaunchPlan { folder: "/".into(), ..LaunchPlan::default() };
        let words = plan.command(Path::new("/seaworthy"), vec!["/no/such/program".into()]);
        let why = serve(words.into_iter().skip(2).map(Into::into));
        assert!(why.contains("/no/such/program: No such file"), "{why}");
    }
}
