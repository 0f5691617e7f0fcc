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
