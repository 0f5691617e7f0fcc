//! Repository chores: `cargo xtask gen | new-control | suite | evidence | matrix | tidy`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to its developer")]

mod cases;
mod causes;
mod defects;
mod examples;
mod generate;
mod matrix;
mod measured;
mod new_control;
mod oddities;
mod promises;
mod prover;
mod snapshot;
mod suite;
mod supplied;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use measured::Measured;
use model::Lane;
use new_control::Kind;
use suite::Mode;

const USAGE: &str = "\
cargo xtask gen                       write what is generated from the code (docs/reference)
cargo xtask gen --check               only say whether it is current
cargo xtask new-control FAMILY ID     begin a control: its file, its page, its settings
cargo xtask new-control FAMILY ID --surface   the same for what a client can see
cargo xtask suite                     healthy fixtures, defects (alone and behind the edge), oddities, cases:
                                      what changed is run, the rest is replayed from stored evidence
cargo xtask suite --all               the same, all of it run from end to end
cargo xtask suite WORD                run those with this word: a fixture, a control, a defect, cases, edge/
cargo xtask evidence [--all|WORD]     run what changed (or all, or those with this word) and store its evidence
cargo xtask examples [NAME]           services that nobody here wrote, run whole (needs the registries)
cargo xtask matrix [FIXTURE]          the three of these; they write docs/reference/matrix-*.md
cargo xtask matrix --shared           every defect and oddity of the controls that do not judge time, against each
cargo xtask matrix --quiet            the same among the controls that judge time
cargo xtask matrix --supplied         each defect of a supplied control, alone and through the edge
cargo xtask matrix … --again          from the last scorecards, e.g. after a reason was added
cargo xtask tidy                      sizes, registrations, licences";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["gen"] => generate::write(),
        ["gen", "--check"] => generate::check(),
        ["new-control", family, id] => new_control::begin(family, id, Kind::Bench),
        ["new-control", family, id, "--surface"] => new_control::begin(family, id, Kind::Surface),
        ["suite"] => suite::all(None, Mode::Changed),
        ["suite", "--all"] => suite::all(None, Mode::Everything),
        ["suite", word] => suite::all(Some(word), Mode::Everything),
        ["evidence"] => suite::all(None, Mode::Store),
        ["evidence", "--all"] => suite::all(None, Mode::StoreEverything),
        ["evidence", word] => suite::all(Some(word), Mode::StoreEverything),
        ["examples"] => examples::all(None),
        ["examples", only] => examples::all(Some(only)),
        ["matrix", words @ ..] => matrices(words),
        ["tidy"] => tidy::check(),
        _ => Err(USAGE.to_owned()),
    };
    prover::clean();
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

/// `matrix [FIXTURE] [--shared] [--quiet] [--supplied] [--again]`: those named, else all three.
fn matrices(words: &[&str]) -> Result<String, String> {
    let (flags, fixtures): (Vec<&str>, Vec<&str>) =
        words.iter().partition(|word| word.starts_with("--"));
    let measured = if flags.contains(&"--again") { Measured::Before } else { Measured::Now };
    let known = ["--again", "--shared", "--quiet", "--supplied"];
    if fixtures.len() > 1 || flags.iter().any(|flag| !known.contains(flag)) {
        return Err(USAGE.to_owned());
    }
    let only = fixtures.first().copied();
    let named = flags.iter().any(|flag| *flag != "--again");
    let wanted = |flag: &str| !named || flags.contains(&flag);
    let mut results = Vec::new();
    for lane in [Lane::Shared, Lane::Quiet] {
        if wanted(matrix::flag(lane)) {
            results.push(matrix::of(lane, only, measured));
        }
    }
    if wanted("--supplied") {
        results.push(supplied::everything(only, measured));
    }
    let all_well = results.iter().all(Result::is_ok);
    let text: Vec<String> =
        results.into_iter().map(|result| result.unwrap_or_else(|e| e)).collect();
    if all_well { Ok(text.join("\n")) } else { Err(text.join("\n")) }
}

/// The root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}
