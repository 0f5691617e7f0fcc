//! What is wrong is told before the service starts, all of it at once.

use std::process::Command;

use crate::edge::{Edge, Options, free};

fn refused(manifest: &str, env: Vec<(&'static str, String)>) -> String {
    let mut edge = Edge::begin(&Options { manifest: manifest.into(), env, ..Options::default() });
    assert_eq!(edge.ended(), Some(2), "{}", edge.output());
    assert!(!edge.output().contains("listening"), "{}", edge.output());
    edge.output()
}

const DECLARED: &str = "
[environment.SOME_KEY]
type = \"secret\"
min_length = 8
[environment.SOME_SIZE]
type = \"int\"
value = \"1\"
";

#[test]
fn every_variable_that_is_wrong_is_named_and_no_value_told() {
    let env = vec![("SOME_KEY", "shorty".to_owned())];
    let output = refused(DECLARED, env);
    assert!(output.contains("SOME_KEY expected at least 8 characters"), "{output}");
    assert!(output.contains("SOME_SIZE is required"), "{output}");
    assert!(!output.contains("shorty"), "{output}");
}

#[test]
fn secrets_come_from_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    std::fs::write(&path, "from-a-file\n").expect("written");
    let env =
        vec![("SOME_KEY_FILE", path.to_string_lossy().into_owned()), ("SOME_SIZE", "3".to_owned())];
    let edge = Edge::start(&Options { manifest: DECLARED.into(), env, ..Options::default() });
    assert_eq!(edge.ask("GET /variable?SOME_KEY").2, "from-a-file");
    let mounted = format!("{DECLARED}[supply]\nsecrets = [\"{}\"]\n", folder.path().display());
    std::fs::write(folder.path().join("SOME_KEY"), "from-a-folder").expect("written");
    let env = vec![("SOME_SIZE", "3".to_owned())];
    let edge = Edge::start(&Options { manifest: mounted, env, ..Options::default() });
    assert_eq!(edge.ask("GET /variable?SOME_KEY").2, "from-a-folder");
}

#[test]
fn a_dependency_that_does_not_answer_is_named() {
    let manifest = "
[environment.DATABASE_URL]
type = \"postgres-url\"
value = \"{database.url}\"
[dependencies.database]
kind = \"postgres\"
";
    let url = format!("postgres://u:secret-word@{}/d", free());
    let output = refused(manifest, vec![("DATABASE_URL", url)]);
    assert!(output.contains("database (postgres) does not answer"), "{output}");
    assert!(!output.contains("secret-word"), "{output}");
}

#[test]
fn what_cannot_be_supplied_is_refused() {
    let manifest =
        "[supply]\ncontrols = [\"liveness\", \"pagination\"]\ntrusted_proxies = [\"here\"]\n";
    let output = refused(manifest, Vec::new());
    for part in ["service.live", "pagination cannot be supplied", "\"here\""] {
        assert!(output.contains(part), "{part}: {output}");
    }
}

#[test]
fn a_taken_address_is_told_before_the_service_starts() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    let run = |words: &[&str]| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
        let output = command.current_dir(folder.path()).arg("run").args(words).env_remove("PORT");
        let output = output.output().expect("seaworthy runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) =
        run(&["--admin", "none", "--listen", &address, "--", "sh", "-c", "echo started >&2"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("cannot listen on") && text.contains("--listen"), "{text}");
    assert!(!text.contains("started"), "{text}");
    let (code, text) = run(&["--", "no-such-program"]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("no-such-program") && text.contains("--listen"), "{text}");
    assert_eq!(run(&[]).0, Some(2));
    assert_eq!(run(&["--listen", "nowhere", "--", "sh"]).0, Some(2));
}

#[test]
fn a_service_that_listens_elsewhere_is_told_so() {
    let mut edge = Edge::begin(&Options {
        manifest: "patience = \"3s\"\n".into(),
        wrapper: vec!["env", "PORT=0"],
        ..Options::default()
    });
    assert_eq!(edge.ended(), Some(2), "{}", edge.output());
    for part in ["not ready within 3s", "it listens at 127.0.0.1:", "expected at", "--port"] {
        assert!(edge.output().contains(part), "{part}: {}", edge.output());
    }
}
