//! Bad manifests and command lines: exit code 2, a message that says what, where and what to do.

use crate::bench::Bench;

fn refused(bench: &Bench, words: &[&str], expected: &[&str]) {
    let ran = bench.run(words);
    assert_eq!(ran.code, 2, "{words:?}: {}", ran.stderr);
    assert!(ran.stdout.is_empty(), "{words:?}: {}", ran.stdout);
    for text in expected {
        assert!(ran.stderr.contains(text), "{words:?}: expected {text:?} in:\n{}", ran.stderr);
    }
}

#[test]
fn a_missing_manifest_says_where_it_was_looked_for() {
    let bench = Bench::new();
    refused(&bench, &["prove"], &["there is no seaworthy.toml in", "looked for", "hint:"]);
    refused(&bench, &["check", "nowhere"], &["there is no manifest at nowhere"]);
}

#[test]
fn empty_binary_and_huge_manifests_are_told() {
    let bench = Bench::new();
    bench.manifest("");
    refused(&bench, &["prove"], &["expected the key service", "nothing was started"]);
    bench.file("seaworthy.toml", b"[service]\nname = \"\xff\xfe\x00\"\n");
    refused(&bench, &["prove"], &["expected UTF-8 text", "line 2"]);
    bench.file("seaworthy.toml", &[b'#'; 10_000_000]);
    refused(&bench, &["prove"], &["at most 1 MiB", "10000000 bytes"]);
}

#[test]
fn every_mistake_is_shown_at_its_line() {
    let bench = Bench::new();
    bench.manifest("[service]\nname = \"a\"\nstrat = \"b\"\n\n[controls.startpu]\nwithin = 5\n");
    let lines =
        ["seaworthy.toml:3:1", "did you mean start?", "did you mean startup?", "3 mistakes"];
    refused(&bench, &["prove"], &lines);
    refused(&bench, &["check"], &lines);
}

#[test]
fn a_start_command_that_does_not_exist_is_told_before_anything_starts() {
    let bench = Bench::new();
    bench.manifest("[service]\nname = \"a\"\nstart = \"no-such-program {port}\"\n");
    refused(&bench, &["prove"], &["cannot find the program no-such-program", "on PATH"]);
    bench.manifest("[service]\nname = \"a\"\nstart = \"bin/app {port}\"\n");
    refused(&bench, &["prove"], &["cannot find the program bin/app", "bin/app"]);
    bench.manifest(
        "[service]\nname = \"a\"\nbuild = \"echo compiling; exit 3\"\nstart = \"x {port}\"\n",
    );
    refused(&bench, &["prove"], &["echo compiling; exit 3", "exit code 3", "compiling"]);
}

#[test]
fn a_value_that_leads_out_of_the_lab_stops_the_start() {
    let bench = Bench::odd("good");
    let words = ["prove", "--env", "DATABASE_URL=postgres://u:hunter2secret@db.prod.io/x"];
    let ran = bench.run(&words);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("DATABASE_URL names the host db.prod.io"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("hunter2secret"));
}

#[test]
fn unknown_controls_are_told_from_unbuilt_ones() {
    let bench = Bench::odd("good");
    refused(
        &bench,
        &["prove", "--only", "startpu"],
        &["there is no control \"startpu\"", "did you mean startup?"],
    );
    refused(
        &bench,
        &["prove", "--only", "websocket-load"],
        &["in the catalogue but not built yet"],
    );
    refused(&bench, &["explain", "nothing-like-it"], &["there is no control"]);
    refused(&bench, &["prove", "--env", "NOVALUE"], &["expected NAME=VALUE"]);
    refused(&bench, &["judge"], &["no run last", "none"]);
}

#[test]
fn check_tells_everything_that_is_missing_at_once() {
    let bench = Bench::odd("good");
    let text = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("read");
    let more =
        "[environment.KEY]\ntype = \"secret\"\n[environment.SIZE]\ntype = \"int\"\nvalue = \"1\"\n";
    bench.manifest(&(text + more));
    let ran = bench.run(&["check", "--env", "SIZE=many", "--offline"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("KEY: is required, but not set"), "{}", ran.stdout);
    assert!(ran.stdout.contains("SIZE: expected a whole number"), "{}", ran.stdout);
    let ran = bench.run(&["check", "--env", "SIZE=1", "--env", "KEY=abcdefgh"]);
    assert_eq!((ran.code, ran.stdout.contains("nothing is missing")), (0, true), "{}", ran.stdout);
}

#[test]
fn a_bad_journey_is_told_at_its_line_before_anything_starts() {
    let bench = Bench::odd("good");
    let text = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("read");
    bench.manifest(&(text + "[journeys.a]\nfile = \"a.hurl\"\n"));
    refused(&bench, &["prove"], &["the journey a (a.hurl) cannot be used", "No such file"]);
    bench.file("a.hurl", b"GET /\nHTTP 200\n\nGET /x\n[Options]\nretry: 3\n");
    refused(&bench, &["prove"], &["line 5: [Options] is not supported"]);
    let ran = bench.run(&["check", "--offline"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stdout.contains("line 5: [Options] is not supported"), "{}", ran.stdout);
}
