//! `seaworthy audit CHECKLIST.md`: what a readiness document says, beside what the evidence says.

mod annotated;
mod claim;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::Serialize;

use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::screen;
use claim::{Judged, Status, judged};

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 whatever the document claims, unless evidence disproves a \
                        claim: then 1.")]
pub(super) struct Arguments {
    /// The document: a checklist in Markdown, or any text with claims.
    document: PathBuf,
    /// The folder whose runs are the evidence, when that is not `.seaworthy` of the repository in
    /// which the document stands.
    #[arg(long, value_name = "FOLDER")]
    evidence: Option<PathBuf>,
    /// Write a copy of the document with what is known beside each claim.
    #[arg(long, value_name = "PATH")]
    write: Option<PathBuf>,
    /// How to print it.
    #[arg(long, value_enum, default_value = "terminal")]
    format: AuditFormat,
}

/// How an audit is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuditFormat {
    /// For people.
    Terminal,
    /// For programs.
    Json,
}

/// A document, and what became of its claims.
#[derive(Debug, Serialize)]
struct Audit {
    document: String,
    claims: Vec<Judged>,
    /// How ready the document says that the service is, in percent.
    claimed_percent: Option<u32>,
    /// How many claims evidence bears out, and how many it contradicts.
    proven: usize,
    disproved: usize,
    /// Claims that a control of this version can settle.
    testable: usize,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let path = &arguments.document;
    let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
    let original = String::from_utf8_lossy(&bytes).into_owned();
    let out = evidence_folder(arguments);
    let known = engine::known::known(&out);
    let document = audit::read(&original);
    let claims: Vec<Judged> = document.claims.iter().map(|claim| judged(claim, &known)).collect();
    let count = |status: Status| claims.iter().filter(|claim| claim.status == status).count();
    let audit = Audit {
        document: path.display().to_string(),
        claimed_percent: document.percent,
        proven: count(Status::Proven),
        disproved: count(Status::Disproved),
        testable: claims.iter().filter(|claim| claim.status.is_testable()).count(),
        claims,
    };
    screen::data(&match arguments.format {
        AuditFormat::Terminal => {
            text::text(&audit, &screen::stdout_styles(), screen::width().unwrap_or(100))
        }
        AuditFormat::Json => serde_json::to_string_pretty(&audit).unwrap_or_default() + "\n",
    });
    if let Some(target) = &arguments.write {
        write_copy(path, target, &annotated::annotated(&original, &audit.claims))?;
    }
    let contradicted =
        audit.claims.iter().any(|claim| claim.claimed && claim.status == Status::Disproved);
    Ok(if contradicted { exit::FAILED } else { exit::OK })
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let text = format!("cannot read {}: {error}", path.display());
    Failure::usage(text).hint("name a document such as PRODUCTION_READINESS.md")
}

/// Where the runs are: as named, else in the nearest folder above the document that holds some, else
/// in this one.
fn evidence_folder(arguments: &Arguments) -> PathBuf {
    if let Some(folder) = &arguments.evidence {
        let below = folder.join(".seaworthy");
        return if below.is_dir() { below } else { folder.clone() };
    }
    let document = std::path::absolute(&arguments.document).unwrap_or_default();
    let found = document.ancestors().skip(1).map(|folder| folder.join(".seaworthy"));
    found.into_iter().find(|folder| folder.is_dir()).unwrap_or_else(|| ".seaworthy".into())
}

fn write_copy(document: &Path, target: &Path, text: &str) -> Result<(), Failure> {
    let same = fs::canonicalize(document).ok().zip(fs::canonicalize(target).ok());
    if same.is_some_and(|(one, other)| one == other) {
        let text = format!("--write would replace {} itself", document.display());
        return Err(Failure::usage(text).hint("name another file for the copy"));
    }
    fs::write(target, text)
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", target.display())))?;
    screen::message(&format!("wrote {}\n", target.display()));
    Ok(())
}
