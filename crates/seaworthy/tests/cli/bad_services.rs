//! Services that misbehave: each gets its verdict and its cause, and nothing of it is left.

use crate::bench::Bench;
use serde_json::Value;

fn startup_of(mode: &str) -> (Value, Bench) {
    let bench = Bench::odd(mode);
    let folder = format!("ODD_FOLDER={}", bench.path().display());
    let ran = bench.run(&["prove", "--only", "startup", "--format", "json", "--env", &folder]);
    let card: Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|_| panic!("{mode}: no scorecard: {}", ran.stderr));
    let row = card["controls"][0].clone();
    assert_eq!(ran.code, i32::from(row["verdict"] == "fail"), "{mode}: {row}");
    bench.wait_until_nothing_is_left();
    (row, bench)
}

fn fails_with(mode: &str, cause: &str) -> Value {
    let (row, _) = startup_of(mode);
    assert_eq!(row["verdict"], "fail", "{mode}: {row}");
    assert_eq!(row["findings"][0]["cause"], cause, "{mode}: {row}");
    row
}

fn passes(mode: &str) {
    let (row, _) = startup_of(mode);
    assert_eq!(row["verdict"], "pass", "{mode}: {row}");
}

#[test]
fn a_good_service_passes() {
    passes("good");
}

#[test]
fn one_that_never_listens_shows_its_last_lines() {
    let row = fails_with("never-listens", "never-listens");
    assert_eq!(row["findings"][0]["log"][0], "waiting for a friend");
}

#[test]
fn one_that_listens_elsewhere_is_told_where() {
    let row = fails_with("elsewhere", "listens-elsewhere");
    let witness = row["findings"][0]["witness"].as_str().unwrap_or_default();
    assert!(witness.contains("127.0.0.1:"), "{witness}");
}

#[test]
fn one_that_prints_megabytes_is_no_worse_for_it() {
    passes("megabytes");
    fails_with("one-long-line", "exits-at-start");
}

#[test]
fn one_that_forks_away_is_found_and_ended() {
    fails_with("forks-away", "forked-away");
}

#[test]
fn one_that_exits_at_once_shows_its_last_words() {
    let row = fails_with("exits", "exits-at-start");
    assert!(row["findings"][0]["log"].to_string().contains("no such plugin"), "{row}");
}

#[test]
fn one_that_ignores_sigterm_is_ended_all_the_same() {
    let bench = Bench::odd("ignores-sigterm");
    let text = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("read");
    bench.manifest(&(text + "[environment.UNUSED]\nrequired = false\n"));
    let folder = format!("ODD_FOLDER={}", bench.path().display());
    let ran = bench.run(&["prove", "--only", "environment", "--env", &folder]);
    // Nothing is promised about that variable, so nothing is decided.
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    bench.wait_until_nothing_is_left();
}

#[test]
fn one_that_does_not_speak_http_is_quoted() {
    let row = fails_with("not-http", "not-http");
    let witness = row["findings"][0]["witness"].as_str().unwrap_or_default();
    assert!(witness.contains("PONG"), "{witness}");
}

fn environment_of(mode: &str, dotenv: bool, isolation: &[&str]) -> Value {
    let bench = Bench::new();
    if dotenv {
        bench.file(".env", b"KEY=from-the-dotenv-file\n");
    }
    let mode = mode.replace("$PWD", &bench.path().display().to_string());
    bench.manifest(&format!(
        "[service]\nname = \"odd\"\nstart = \"python3 odd.py {mode}\"\nready = \"/\"\npatience = \"3s\"\n\
         [environment.KEY]\ntype = \"secret\"\n",
    ));
    let mut words = vec!["prove", "--only", "environment", "--format", "json"];
    words.extend(isolation);
    let ran = bench.run(&words);
    let card: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    card["controls"][0].clone()
}

#[test]
fn a_dotenv_file_does_not_re_supply_what_was_taken_away() {
    let row = environment_of("needs-key {port}", false, &[]);
    assert_eq!(row["verdict"], "pass", "{row}");
    let row = environment_of("dotenv {port}", true, &[]);
    assert_eq!(row["verdict"], "pass", "{row}");
}

#[test]
fn a_dotenv_file_is_out_of_reach_by_its_absolute_path_too() {
    // With a view in the repository's place, not even its absolute path leads to it.
    let row = environment_of("dotenv {port} $PWD", true, &[]);
    assert_eq!(row["verdict"], "pass", "{row}");
}

#[test]
fn a_dotenv_file_that_a_copy_cannot_hide_leaves_it_undecided() {
    let row = environment_of("dotenv {port} $PWD", true, &["--isolation", "landlock"]);
    assert_eq!(row["verdict"], "inconclusive", "{row}");
    assert!(row["summary"].as_str().is_some_and(|text| text.contains(".env")), "{row}");
}

#[test]
fn a_wrapper_that_re_supplies_a_variable_is_seen() {
    let bench = Bench::new();
    bench.file(
        "run.sh",
        b"#!/bin/sh\nexport KEY=${KEY:-fallback}\nexec python3 odd.py needs-key $1\n",
    );
    bench.manifest(
        "[service]\nname = \"odd\"\nstart = \"sh run.sh {port}\"\nready = \"/\"\npatience = \"3s\"\n\
         [environment.KEY]\ntype = \"secret\"\n",
    );
    let ran = bench.run(&["prove", "--only", "environment", "--format", "json"]);
    let card: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    assert_eq!(card["controls"][0]["verdict"], "inconclusive", "{card}");
    assert!(card["controls"][0]["summary"].to_string().contains("was given KEY again"), "{card}");
}
