//! `seaworthy init`: the manifest that a repository and its running service amount to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use toml_edit::{DocumentMut, Item, Table};

use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::manifest_file::NAME;
use crate::screen;

/// Where the journey is written, beside the manifest.
pub(crate) const JOURNEY: &str = "journeys/first.hurl";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder of the service.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// A variable for the service while it is looked at.
    #[arg(long, value_name = "NAME=VALUE", value_parser = super::pair)]
    env: Vec<(String, String)>,
    /// How the service starts.
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let folder = &arguments.path;
    if !folder.is_dir() {
        return Err(Failure::usage(format!("expected a folder, found {}", folder.display())));
    }
    let found = look(arguments)?;
    let (manifest, journey) = (found["manifest"].as_str().unwrap_or_default(), &found["journey"]);
    let path = folder.join(NAME);
    let mut said = String::new();
    match fs::read_to_string(&path) {
        Ok(own) => {
            let (text, added) = merged(&own, manifest)
                .map_err(|why| Failure::usage(format!("{}: {why}", path.display())))?;
            if added.is_empty() {
                screen::data(&format!("{} already says it all\n", path.display()));
                return Ok(exit::OK);
            }
            write(&path, &text)?;
            said.push_str(&format!("added to {}: {}\n", path.display(), added.join(", ")));
        }
        Err(_) => {
            write(&path, manifest)?;
            said.push_str(&format!("wrote {}\n", path.display()));
        }
    }
    if let Some(text) = journey.as_str() {
        let path = folder.join(JOURNEY);
        if !path.exists() {
            write(&path, text)?;
            said.push_str(&format!("wrote {}\n", path.display()));
        }
    }
    said.push_str(
        "read it and correct it; each line says where it comes from. Then: seaworthy prove\n",
    );
    screen::data(&said);
    Ok(exit::OK)
}

/// Another process looks, because whoever looks may write nothing here.
fn look(arguments: &Arguments) -> Result<Value, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::internal(format!("cannot find this program: {error}")))?;
    // A manifest that is there must not be what is inferred.
    let mut command = Command::new(program);
    command.arg("prove").arg(&arguments.path).arg("--inferred");
    for (name, value) in &arguments.env {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    if !arguments.command.is_empty() {
        command.arg("--").args(&arguments.command);
    }
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::internal(format!("cannot start: {error}")))?;
    serde_json::from_slice(&output.stdout)
        .map_err(|_| Failure::usage("nothing could be inferred; the lines above say why"))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let wrong =
        |error: std::io::Error| Failure::usage(format!("cannot write {}: {error}", path.display()));
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(wrong)?;
    }
    fs::write(path, text).map_err(wrong)
}

/// A manifest with what it does not say yet, and what was added. What it says stays.
fn merged(own: &str, inferred: &str) -> Result<(String, Vec<String>), String> {
    let mut own: DocumentMut = own.parse().map_err(|error| format!("{error}"))?;
    let inferred: DocumentMut = inferred.parse().map_err(|error| format!("{error}"))?;
    let mut added = Vec::new();
    merge(own.as_table_mut(), inferred.as_table(), "", &mut added);
    Ok((own.to_string(), added))
}

fn merge(own: &mut Table, inferred: &Table, path: &str, added: &mut Vec<String>) {
    for (key, item) in inferred {
        let name = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        match (own.get_mut(key), item) {
            (Some(Item::Table(own)), Item::Table(inferred)) => {
                merge(own, inferred, &name, added);
            }
            (Some(_), _) => {}
            // A control that is declared is the user's.
            (None, item) => {
                let mut item = item.clone();
                if let Item::Table(table) = &mut item {
                    table.set_position(None);
                }
                own.insert(key, item);
                added.push(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_stays_and_what_is_missing_is_added() {
        let own = "# mine\n[service]\nname = \"shop\"\nstart = \"node a.js\"\n";
        let inferred = "[service]\nname = \"folder\"\nstart = [\"node\", \"b.js\"]\nready = \"/health\"\n\n[environment.PORT]\ntype = \"port\"\n";
        let (text, added) = merged(own, inferred).expect("both are TOML");
        assert_eq!(added, ["service.ready", "environment"]);
        assert!(text.starts_with("# mine\n[service]\nname = \"shop\""), "{text}");
        assert!(text.contains("ready = \"/health\"") && text.contains("[environment.PORT]"));
        let (_, again) = merged(&text, inferred).expect("both are TOML");
        assert!(again.is_empty(), "{again:?}");
    }
}
