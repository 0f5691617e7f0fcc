//! Dependencies that the lab does not start itself, and those that it cannot.

use std::io::Write;
use std::net::TcpListener;

use crate::bench::Bench;
use serde_json::Value;

fn card(ran: &crate::bench::Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr))
}

#[test]
fn one_of_the_users_own_is_broken_by_the_same_proxy() {
    let friend = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = friend.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for stream in friend.incoming().flatten() {
            let _ = (&stream).write_all(b"hi");
        }
    });
    let bench = Bench::new();
    bench.manifest(&format!(
        "[service]\nname = \"odd\"\nstart = \"python3 odd.py asks {{port}}\"\n\
         ready = {{ path = \"/ready\", lag = \"200ms\" }}\npatience = \"3s\"\n\
         [environment.FRIEND_HOST]\nvalue = \"{{friend.host}}\"\n\
         [environment.FRIEND_PORT]\nvalue = \"{{friend.port}}\"\n\
         [dependencies.friend]\nkind = \"tcp\"\nurl = \"tcp://127.0.0.1:{port}\"\ndisposable = true\n"
    ));
    let card = card(&bench.run(&["prove", "--only", "readiness", "--format", "json"]));
    assert_eq!(card["controls"][0]["verdict"], "pass", "{card}");
}

/// A service that insists on TLS and on a certificate that it can verify.
#[test]
fn a_database_that_speaks_tls_is_verified_through_the_proxy() {
    let bench = Bench::new();
    bench.manifest(
        r#"
[service]
name = "odd"
setup = ["psql '{database.postgresql_url}?sslmode=verify-full&sslrootcert={database.ca}' -c 'SELECT 1'"]
start = ["sh", "-c", "psql \"$URL\" -Atc \"SELECT 'tls ' || ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()\" && exec python3 odd.py good {port}"]
ready = "/ready"
[environment.URL]
value = "{database.postgresql_url}?sslmode=verify-full&sslrootcert={database.ca}"
[dependencies.database]
kind = "postgres"
tls = true
"#,
    );
    let card = card(&bench.run(&["prove", "--only", "startup", "--format", "json"]));
    assert_eq!(card["controls"][0]["verdict"], "pass", "{card}");
    let runs = bench.path().join(".seaworthy/runs");
    let run = std::fs::read_dir(runs).expect("read").flatten().next().expect("one").path();
    let log = std::fs::read_to_string(run.join("startup.ndjson")).expect("it is there");
    assert!(log.contains("tls true"), "{log}");
}

#[test]
fn what_cannot_be_provided_is_named_with_the_command_that_installs_it() {
    let bench = Bench::odd("good");
    let text = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("read");
    // A PATH on which there is Python and nothing else.
    let found = std::process::Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .expect("Python runs");
    let found = String::from_utf8(found.stdout).expect("a path");
    let path = bench.path().join("bin");
    std::fs::create_dir(&path).expect("made");
    std::os::unix::fs::symlink(found.trim(), path.join("python3")).expect("linked");
    bench.manifest(&(text + "[dependencies.cache]\nkind = \"redis\"\n"));
    let mut command = bench.command(&["prove", "--only", "startup", "--format", "json"]);
    let output = command.env("PATH", &path).output().expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let card: Value = serde_json::from_str(&text)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(card["controls"][0]["verdict"], "inconclusive", "{card}");
    let summary = card["controls"][0]["summary"].as_str().unwrap_or_default();
    assert!(summary.contains("apt-get install redis-server"), "{summary}");
}
