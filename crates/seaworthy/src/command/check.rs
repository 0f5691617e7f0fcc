//! `seaworthy check`: before anything starts, is everything there?

use std::path::PathBuf;
use std::time::Duration;

use engine::check::{self, Checked};
use report::style::paint;
use settings::Manifest;

use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::manifest_file::ManifestFile;
use crate::screen;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The manifest, or the folder that holds it.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// A variable to check as if it were set.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::pair)]
    env: Vec<(String, String)>,
    /// Only read the manifest; the environment may be that of another machine.
    #[arg(long)]
    manifest_only: bool,
    /// Connect to nothing.
    #[arg(long)]
    offline: bool,
    /// How long a connection may take, in milliseconds.
    #[arg(long, default_value_t = 2000, value_name = "MS")]
    timeout: u64,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let file = ManifestFile::read(&arguments.path)?;
    let manifest = &file.parsed.manifest;
    let styles = screen::stdout_styles();
    let mut out = format!("{} {}\n", paint(styles.pass, "ok     "), file.path.display());
    for (line, note) in &file.parsed.notes {
        out.push_str(&format!("{} line {line}: {note}\n", paint(styles.faint, "note   ")));
    }
    let mut all = check::files(manifest, &file.root());
    if !manifest.supply.controls.is_empty() {
        all.extend(supply(manifest));
    }
    let mut environment = Vec::new();
    if !arguments.manifest_only {
        let (mut values, _) = process::spawn::environment();
        values.extend(arguments.env.iter().cloned());
        environment = check::environment(manifest, &values);
        all.extend(environment.iter().cloned());
        if !arguments.offline {
            let within = Duration::from_millis(arguments.timeout);
            all.extend(check::reachability(manifest, &values, within));
        }
    }
    for Checked { what, problem } in &all {
        out.push_str(&match problem {
            None => format!("{} {what}\n", paint(styles.pass, "ok     ")),
            Some(problem) => format!("{} {what}: {problem}\n", paint(styles.fail, "missing")),
        });
    }
    let problems = all.iter().filter(|checked| checked.problem.is_some()).count();
    let end = match problems {
        0 => "nothing is missing".to_owned(),
        n => format!("{} to mend", report::words::count(n, "problem")),
    };
    let of_environment = environment.iter().filter(|one| one.problem.is_some()).count();
    let end = if of_environment == 0 {
        end
    } else {
        format!(
            "{end}\nthe environment is this shell's, as `seaworthy run` would use it; prove fills in \
             its own (check --manifest-only leaves the environment out)"
        )
    };
    screen::data(&format!("{out}{end}\n"));
    Ok(if problems == 0 { exit::OK } else { exit::FAILED })
}

/// Whether the edge can supply what is declared.
fn supply(manifest: &Manifest) -> Vec<Checked> {
    if manifest.service.tls && manifest.supply.controls.is_empty() {
        return Vec::new();
    }
    let (values, _) = process::spawn::environment();
    let checked = |problem| Checked { what: "[supply]".to_owned(), problem };
    match edge::Config::new(manifest, &manifest.supply.controls, Vec::new(), &values) {
        Ok(_) => vec![checked(None)],
        Err(problems) => problems.into_iter().map(|problem| checked(Some(problem))).collect(),
    }
}
