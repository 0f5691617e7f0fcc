//! What a user reads of each defect: the stored evidence of the fixtures' defects, judged and
//! printed as `seaworthy judge` does. Times, ports and ids, which differ each time, are masked.
//!
//! After a change of words: `INSTA_UPDATE=always cargo test -p seaworthy --test cli findings`, and
//! read what `git diff` shows.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use regex_lite::Regex;

/// The parts of the details that hold other numbers each time, or another program's words.
const LEFT_OUT: &[&str] = &["  tried ", "  rerun ", "  explain ", "    output "];

#[test]
fn findings_read_as_they_should() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for fixture in ["harbour", "node"] {
        let mut by_control: BTreeMap<String, String> = BTreeMap::new();
        for path in stored(&root.join("evidence").join(fixture)) {
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            let name = name.trim_end_matches(".json.gz");
            let Some((control, variant)) = name.split_once('.') else { continue };
            let text = format!("## {variant}\n{}\n", masked(&details(&path)));
            by_control.entry(control.to_owned()).or_default().push_str(&text);
        }
        assert!(!by_control.is_empty(), "{fixture} has no evidence; cargo xtask evidence");
        for (control, text) in by_control {
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path("../findings");
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(format!("{fixture}-{control}"), text));
        }
    }
}

fn stored(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut all: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    all.sort();
    all
}

/// The folder of a run that is stored as evidence.
pub(crate) fn unpacked(path: &Path) -> tempfile::TempDir {
    let mut text = String::new();
    let file = fs::File::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    GzDecoder::new(file).read_to_string(&mut text).expect("it is packed text");
    let stored: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in stored["runs"][0].as_object().expect("there is a run") {
        fs::write(folder.path().join(name), content.as_str().expect("text")).expect("written");
    }
    folder
}

/// The findings of a stored run, as they are printed.
fn details(path: &Path) -> String {
    let folder = unpacked(path);
    let judged = Command::new(env!("CARGO_BIN_EXE_seaworthy"))
        .arg("judge")
        .arg(folder.path())
        .env("COLUMNS", "100")
        .output()
        .expect("it runs");
    let text = String::from_utf8(judged.stdout).expect("it is text");
    let start = text.find("\nFAIL ").map_or(0, |at| at + 1);
    let end = text[start..].find("\n\n").map_or(text.len(), |at| start + at);
    assert!(every_failure_has_a_fix(&text[start..end]), "{}\n{text}", path.display());
    let mut left_out = false;
    let lines = text[start..end].lines().filter(|line| {
        // What follows without a name belongs to what went before.
        if line.trim_start().len() + 13 > line.len() || !line.starts_with("             ") {
            left_out = LEFT_OUT.iter().any(|part| line.starts_with(part));
        }
        !left_out
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether each finding that fails says what to do.
fn every_failure_has_a_fix(text: &str) -> bool {
    let is_title = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let parts = ["  why ", "  tried ", "  supply ", "  rerun ", "  explain "];
    let lines: Vec<&str> = text.lines().collect();
    let titles = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| is_title(line) && !parts.iter().any(|part| line.starts_with(part)));
    titles.filter(|(_, line)| !line.contains("note · ")).all(|(at, _)| {
        let own = lines[at + 1..].iter().take_while(|line| !is_title(line));
        own.into_iter().any(|line| line.starts_with("    fix "))
    })
}

fn masked(text: &str) -> String {
    let masks = [
        (r"\b\d+(\.\d+)? (µs|ms|s|min)\b", "‹time›"),
        (r"\d{4}-\d\d-\d\dT[0-9:.]+Z?", "‹date›"),
        (r"(127\.0\.0\.1|localhost|\[::1\]|port)(:|\s+)\d{4,5}\b", "$1$2‹port›"),
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "‹id›"),
        (r"\(\d{2,}\)", "(‹pid›)"),
    ];
    masks.iter().fold(text.to_owned(), |text, (what, with)| {
        Regex::new(what).expect("it is one").replace_all(&text, *with).into_owned()
    })
}
