//! Repository chores: `cargo xtask gen | new-control | defects | matrix | tidy`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to its developer")]

mod cases;
mod causes;
mod defects;
mod evidence;
mod examples;
mod generate;
mod matrix;
mod new_control;
mod oddities;
mod promises;
mod prover;
mod snapshot;
mod supplied;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use matrix::Scope;
use new_control::Kind;

const USAGE: &str = "\
cargo xtask gen                       write what is generated from the code (docs/reference)
cargo xtask gen --check               only say whether it is current
cargo xtask new-control FAMILY ID     begin a control: its file, its page, its settings
cargo xtask new-control FAMILY ID --surface   the same for what a client can see
cargo xtask defects [FIXTURE]         the healthy run, then each defect with --only
cargo xtask cases                     small services from the field, each with its right verdict
cargo xtask examples [NAME]           services that nobody here wrote, run whole (needs the registries)
cargo xtask oddities [FIXTURE[:NAME]] healthy variants of the fixtures, each with its right verdicts
cargo xtask matrix [FIXTURE]          each defect against every control; writes docs/reference/matrix.md
cargo xtask matrix --shared           the same among the controls that do not judge time
cargo xtask matrix --supplied         each defect of a supplied control, alone and through the edge
cargo xtask evidence                  store what the healthy runs saw, for the judges' own tests
cargo xtask tidy                      sizes, registrations, licences";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["gen"] => generate::write(),
        ["gen", "--check"] => generate::check(),
        ["new-control", family, id] => new_control::begin(family, id, Kind::Bench),
        ["new-control", family, id, "--surface"] => new_control::begin(family, id, Kind::Surface),
        ["cases"] => cases::all().and_then(|(count, wrong)| matrix::counted(count, &wrong)),
        ["examples"] => examples::all(None),
        ["examples", only] => examples::all(Some(only)),
        ["oddities"] => oddities::all(None).and_then(|(n, wrong)| matrix::counted(n, &wrong)),
        ["oddities", only] => {
            oddities::all(Some(only)).and_then(|(n, wrong)| matrix::counted(n, &wrong))
        }
        ["defects"] => matrix::each_with_only(None),
        ["defects", fixture] => matrix::each_with_only(Some(fixture)),
        ["matrix"] => matrix::everything(None, Scope::Everything),
        ["matrix", "--shared"] => matrix::everything(None, Scope::Shared),
        ["matrix", "--supplied"] => supplied::everything(),
        ["matrix", fixture] => matrix::everything(Some(fixture), Scope::Everything),
        ["evidence"] => evidence::write(),
        ["tidy"] => tidy::check(),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}
