//! `seaworthy supply`: which lines of the manifest would turn failures into passes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use edge::Config;
use engine::store::Store;
use model::Verdict;
use settings::supply::{SUPPLIED, how};

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
    let failed = card.controls.iter().filter(|row| row.verdict == Verdict::Fail);
    let failed: Vec<&str> = failed.map(|row| row.id.as_str()).collect();
    let mut ids = manifest.supply.controls.clone();
    let mut notes = String::new();
    for id in &failed {
        match how(id) {
            None => notes.push_str(&format!("# {id}: only the service itself can mend it\n")),
            Some(_) if ids.iter().any(|one| one == id) => {}
            Some(_) => {
                match Config::new(manifest, &[(*id).to_owned()], Vec::new(), &BTreeMap::new()) {
                    Ok(_) => ids.push((*id).to_owned()),
                    Err(problems) => {
                        problems.iter().for_each(|text| notes.push_str(&format!("# {text}\n")));
                    }
                }
            }
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
        let why = how(id).unwrap_or_default();
        text.push_str(&format!("    {:<22} # {why}\n", format!("\"{id}\",")));
    }
    screen::data(&format!("{text}]\n{notes}"));
    Ok(exit::OK)
}

fn list(file: &ManifestFile) -> Exit {
    let supplied = &file.parsed.manifest.supply.controls;
    for (id, how) in SUPPLIED {
        let mark = if supplied.iter().any(|one| one == id) { "supplied" } else { "" };
        screen::data(&format!("{id:<18} {mark:<9} {how}\n"));
    }
    exit::OK
}
