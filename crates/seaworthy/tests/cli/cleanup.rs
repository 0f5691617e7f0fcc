//! Ending seaworthy in any way ends everything that it started.

use std::process::Child;

use crate::bench::{Bench, run_folders, wait_for};

fn signal(child: &Child, name: &str) {
    process::signal::send(child.id(), name).expect("it lives");
}

/// A run that is in the middle of an experiment, with several processes.
fn running() -> (Bench, Child) {
    let bench = Bench::odd("children");
    let text = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("read");
    bench.manifest(&text.replace("settle = \"100ms\"", "settle = \"30s\""));
    let folder = format!("ODD_FOLDER={}", bench.path().display());
    let child = bench.start(&["prove", "--only", "startup", "--env", &folder]);
    wait_for(|| bench.left().len() >= 4, "the service and its children");
    (bench, child)
}

fn folder_of(child: &Child) -> Option<std::path::PathBuf> {
    let owner = format!("owner {} ", child.id());
    run_folders().into_iter().find(|folder| {
        std::fs::read_to_string(folder.join("record")).is_ok_and(|text| text.contains(&owner))
    })
}

#[test]
fn kill_9_leaves_no_process_and_no_folder() {
    let (bench, mut child) = running();
    let folder = folder_of(&child).expect("the run has a folder");
    signal(&child, "SIGKILL");
    child.wait().expect("it ended");
    bench.wait_until_nothing_is_left();
    wait_for(|| !folder.exists(), "the run's folder to go");
}

#[test]
fn ctrl_c_ends_everything_and_prints_what_there_is() {
    let (bench, child) = running();
    signal(&child, "SIGINT");
    let output = child.wait_with_output().expect("it ended");
    assert_eq!(output.status.code(), Some(130));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("no score: the run was interrupted"), "{text}");
    bench.wait_until_nothing_is_left();
}

#[test]
fn what_the_keeper_could_not_clean_the_next_run_sweeps() {
    let (bench, mut child) = running();
    let folder = folder_of(&child).expect("the run has a folder");
    // A power cut in the small: keeper and seaworthy die at once.
    let keeper = keeper_of(&folder).expect("it has a keeper");
    process::signal::send(keeper, "SIGKILL").expect("it lives");
    signal(&child, "SIGKILL");
    child.wait().expect("it ended");
    // The next run may be that of another test: whoever begins, sweeps.
    let next = Bench::odd("good").run(&["prove", "--only", "startup"]);
    assert_eq!(next.code, 0, "{}", next.stderr);
    bench.wait_until_nothing_is_left();
    assert!(!folder.exists());
}

fn keeper_of(folder: &std::path::Path) -> Option<u32> {
    let record = folder.join("record");
    let needle = format!("__keeper\0{}", record.display());
    let entries = std::fs::read_dir("/proc").ok()?;
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(
        |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&needle)
        },
    )
}

/// A service with a database of the lab's, and a set-up that takes its time.
fn with_database() -> Bench {
    let bench = Bench::odd("good");
    let text = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("read");
    let text = text.replace(
        "ready =",
        "setup = [[\"sh\", \"-c\", \"touch {scratch}/set-up-runs; sleep 2\"]]\nready =",
    );
    let text = text.replace("settle = \"100ms\"", "settle = \"30s\"");
    bench.manifest(&(text + "[dependencies.db]\nkind = \"postgres\"\n"));
    bench
}

/// Whether any process works in a folder or was told about it.
fn anyone_in(folder: &std::path::Path) -> bool {
    let needle = folder.to_string_lossy().into_owned();
    let entries = std::fs::read_dir("/proc").expect("Linux").flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.any(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
        let told = String::from_utf8_lossy(&line).contains(&needle) && !line.is_empty();
        told || cwd.starts_with(folder)
    })
}

fn has(folder: &std::path::Path, is: impl Fn(&str) -> bool) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| is(&entry.file_name().to_string_lossy()))
}

/// Whether the set-up has left its file in the layer of the template.
fn set_up_runs(folder: &std::path::Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.path().join("upper/set-up-runs").exists())
}

/// Kills seaworthy when a phase has been reached, and waits for the keeper.
fn killed_in(phase: &str, reached: impl Fn(&std::path::Path) -> bool) {
    let bench = with_database();
    let mut child = bench.start(&["prove", "--only", "startup"]);
    wait_for(|| folder_of(&child).is_some(), "the run to begin");
    let folder = folder_of(&child).expect("it has begun");
    wait_for(|| reached(&folder), phase);
    signal(&child, "SIGKILL");
    child.wait().expect("it ended");
    wait_for(|| !folder.exists(), &format!("the folder to go after {phase}"));
    wait_for(|| !anyone_in(&folder), &format!("every process to end after {phase}"));
}

#[test]
fn kill_9_while_the_database_is_made_leaves_nothing() {
    killed_in("initdb", |folder| has(folder, |name| name.ends_with("-postgres")));
}

#[test]
fn kill_9_during_the_set_up_leaves_nothing() {
    killed_in("the set-up", set_up_runs);
}

#[test]
fn kill_9_during_an_experiment_leaves_nothing() {
    killed_in("an experiment", |folder| has(folder, |name| name.ends_with("-workspace")));
}
