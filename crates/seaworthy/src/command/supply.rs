//! `seaworthy supply`: which lines of the manifest would turn failures into passes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use edge::Config;
use edge::supply::Supply;
use engine::store::Store;
use model::{Row, Severity, Verdict};
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
    /// Print the lines that would mend the failures of the last run.
    #[arg(long)]
    suggest: bool,
    /// The run to look at: its folder, its id, or `last`.
    #[arg(long, default_value = "last")]
    run: String,
    /// Where runs are stored, when that is not `.seaworthy` beside the manifest.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let file = ManifestFile::read(&arguments.path)?;
    if !arguments.suggest {
        return Ok(list(&file));
    }
    let out = arguments.out.clone().unwrap_or_else(|| file.root().join(".seaworthy"));
    let store = Store::open(&out, &arguments.run)?;
    let card = engine::judge::again(&store)?;
    let manifest = &file.parsed.manifest;
    let failed: Vec<_> = card.controls.iter().filter(|r| r.verdict == Verdict::Fail).collect();
    let mut ids = manifest.supply.controls.clone();
    let mut notes = String::new();
    for row in &failed {
        let advice = advise(manifest, row);
        if advice.helps && !ids.contains(&row.id) {
            ids.push(row.id.clone());
        }
        for note in advice.notes {
            notes.push_str(&format!("# {}: {note}\n", row.id));
        }
    }
    let asked = arguments.path.display();
    screen::message(&format!(
        "{} failed in {}; with these lines in {}, try: seaworthy prove {asked} --supplied\n",
        failed.len(),
        store.folder().display(),
        file.path.display()
    ));
    if ids.is_empty() {
        screen::data(&notes);
        return Ok(exit::OK);
    }
    let mut text = "[supply]\ncontrols = [\n".to_owned();
    for id in &ids {
        let why = edge::supply::find(id).map_or("", |supply| supply.how);
        text.push_str(&format!("    {:<22} # {why}\n", format!("\"{id}\",")));
    }
    screen::data(&format!("{text}]\n{notes}"));
    Ok(exit::OK)
}

/// Whether supplying a failed control helps, and what to know about it.
struct Advice {
    helps: bool,
    notes: Vec<String>,
}

fn advise(manifest: &Manifest, row: &Row) -> Advice {
    let only = |note: &str| Advice { helps: false, notes: vec![note.to_owned()] };
    let Some(supply) = edge::supply::find(&row.id) else {
        return only("only the service itself can mend it");
    };
    let ids = [row.id.clone()];
    let mut notes = supply.missing_facts(manifest);
    if let Err(problems) = Config::new(manifest, &ids, Vec::new(), &BTreeMap::new()) {
        // All at once, so that nobody mends one thing only to be told the next.
        notes.extend(problems);
        return Advice { helps: false, notes };
    }
    let mut helps = false;
    for finding in row.findings.iter().filter(|finding| finding.severity == Severity::Fail) {
        match supply.unmendable(manifest, &finding.cause, &finding.subject) {
            Some(why) => {
                let note = match finding.subject.as_str() {
                    "" => format!("{}: {why}", finding.cause),
                    subject => format!("{} ({subject}): {why}", finding.cause),
                };
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
            None => helps = true,
        }
    }
    Advice { helps, notes }
}

fn list(file: &ManifestFile) -> Exit {
    let supplied = &file.parsed.manifest.supply.controls;
    for Supply { id, how, .. } in edge::supply::ALL {
        let mark = if supplied.iter().any(|one| one == id) { "supplied" } else { "" };
        screen::data(&format!("{id:<18} {mark:<9} {how}\n"));
    }
    exit::OK
}
