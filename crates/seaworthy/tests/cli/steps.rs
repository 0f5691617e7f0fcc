//! Steps around a start, and ports that cannot be told.

use crate::bench::Bench;

fn manifest(bench: &Bench, more: &str) {
    let text = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("read");
    bench.manifest(&text.replace("ready =", &format!("{more}\nready =")));
}

#[test]
fn each_step_runs_when_it_should() {
    let bench = Bench::odd("good");
    // The one folder that the steps may really write to.
    let allowed = bench.path().join("allowed");
    std::fs::create_dir(&allowed).expect("made");
    let log = allowed.join("steps.log");
    let step = |name: &str| format!("[[\"sh\", \"-c\", \"echo {name} >> {}\"]]", log.display());
    manifest(
        &bench,
        &format!(
            "setup = {}\nreset = {}\nafter_ready = {}",
            step("setup"),
            step("reset"),
            step("after")
        ),
    );
    let allow = allowed.display().to_string();
    let ran = bench.run(&["prove", "--only", "startup", "--allow-writes-to", &allow]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let steps = std::fs::read_to_string(&log).expect("the steps ran");
    // Set up once; reset before each of three instances; prepared once on each, not on a restart.
    assert_eq!(steps, format!("setup\n{}", "reset\nafter\n".repeat(3)));
}

#[test]
fn a_fixed_port_is_used_in_turns() {
    let bench = Bench::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    bench.manifest(&format!(
        "[service]\nname = \"odd\"\nstart = \"python3 odd.py needs-key {port}\"\nport = {port}\n\
         ready = \"/\"\npatience = \"3s\"\n[environment.KEY]\ntype = \"secret\"\n"
    ));
    let ran = bench.run(&["prove", "--only", "startup,environment"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
}

/// Whatever the step, the scorecard is there, says once at the top what failed, and decides nothing.
#[test]
fn a_step_that_fails_is_told_once_at_the_top() {
    for (step, named) in [("setup", "set-up"), ("reset", "reset")] {
        let bench = Bench::odd("good");
        manifest(&bench, &format!("{step} = [[\"sh\", \"-c\", \"echo no such table; exit 3\"]]"));
        for only in ["startup", "startup,error-envelope"] {
            let ran = bench.run(&["prove", "--only", only, "--format", "json"]);
            assert_eq!(ran.code, 3, "{step}: {}", ran.stderr);
            let card: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
            let notes = card["notes"].as_array().expect("a list");
            assert_eq!(notes.len(), 1, "{card}");
            let text = notes[0]["text"].as_str().expect("a text");
            assert!(text.starts_with(&format!("the {named} step `sh -c")), "{text}");
            assert!(text.ends_with("failed: exit code 3"), "{text}");
            assert_eq!(notes[0]["log"][0], "no such table");
            for row in card["controls"].as_array().expect("a list") {
                assert_eq!(row["verdict"], "inconclusive", "{card}");
                assert_eq!(row["summary"], text);
            }
        }
    }
}
