//! A repository that has no manifest: it is proven all the same, and `init` writes one.

use serde_json::Value;

use crate::bench::{Bench, Ran};

const SERVER: &str = r#"
const http = require('node:http');
const port = PORT;
const notes = [];
http.createServer((req, res) => {
  const json = (status, body) =>
    res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  if (req.url === '/health') return json(200, { status: 'ok' });
  if (req.url === '/notes' && req.method === 'GET') return json(200, notes);
  if (req.url === '/notes' && req.method === 'POST') {
    let text = '';
    req.on('data', (part) => { text += part; });
    req.on('end', () => { notes.push(text); json(201, { id: notes.length }); });
    return;
  }
  json(404, { code: 'not_found' });
}).listen(port, '127.0.0.1');
// app.post('/notes', f); app.get('/notes', g);
"#;
const PACKAGE: &str = r#"{ "name": "notes", "scripts": { "start": "node server.js" } }"#;

fn starter(port: &str) -> Bench {
    let bench = Bench::new();
    bench.file("server.js", SERVER.replace("PORT;", &format!("{port};")).as_bytes());
    bench.file("package.json", PACKAGE.as_bytes());
    bench
}

fn card(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr))
}

fn verdict(card: &Value, id: &str) -> String {
    let mut rows = card["controls"].as_array().expect("a list").iter();
    let row = rows.find(|row| row["id"] == id).unwrap_or_else(|| panic!("no {id}"));
    row["verdict"].as_str().expect("a word").to_owned()
}

const SOME: &str = "startup,readiness,pagination";

#[test]
fn a_repository_without_a_manifest_is_proven() {
    let bench = starter("process.env.PORT");
    let ran = bench.run(&["prove", "--only", SOME, "--format", "json"]);
    let card = card(&ran);
    assert_eq!(verdict(&card, "startup"), "pass", "{card}");
    assert_eq!(verdict(&card, "readiness"), "not-applicable");
    // 250 notes were made by the journey that was found, and all are answered at once.
    assert_eq!(verdict(&card, "pagination"), "fail", "{card}");
    let note = card["notes"][0]["text"].as_str().expect("a text");
    for part in ["`node server.js` (package.json scripts.start", "PORT", "readiness at /health"] {
        assert!(note.contains(part), "{part}: {note}");
    }
    assert!(!bench.path().join("seaworthy.toml").exists());
}

#[test]
fn a_command_runs_as_it_is_given_and_stays_in_what_repeats_it() {
    let bench = starter("process.env.PORT");
    let words = ["prove", "--only", "startup", "--format", "json", "--", "node", "server.js"];
    let card = card(&bench.run(&words));
    assert_eq!(verdict(&card, "startup"), "pass", "{card}");
    assert_eq!(card["controls"][0]["rerun"], "seaworthy prove --only startup -- node server.js");
}

#[test]
fn a_port_that_cannot_be_told_is_seen() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    let bench = starter(&port.to_string());
    let card = card(&bench.run(&["prove", "--only", "startup", "--format", "json"]));
    assert_eq!(verdict(&card, "startup"), "pass", "{card}");
    let note = card["notes"][0]["text"].as_str().expect("a text");
    assert!(note.contains(&format!("port {port} (seen at run time)")), "{note}");
}

#[test]
fn init_writes_a_manifest_that_says_the_same_and_merges_the_next_time() {
    let bench = starter("process.env.PORT");
    let before = card(&bench.run(&["prove", "--only", SOME, "--format", "json"]));
    let ran = bench.run(&["init"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let text = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("written");
    assert!(text.contains("# package.json scripts.start"), "{text}");
    let after = card(&bench.run(&["prove", "--only", SOME, "--format", "json"]));
    for id in SOME.split(',') {
        assert_eq!(verdict(&before, id), verdict(&after, id), "{id}");
    }
    let own = text.replace("ready = \"/health\"", "ready = \"/notes\"");
    let own = own.replace("[journeys.first]", "[journeys.mine]");
    bench.manifest(&own);
    let ran = bench.run(&["init"]);
    assert!(ran.stdout.contains("added to"), "{}", ran.stdout);
    let merged = std::fs::read_to_string(bench.path().join("seaworthy.toml")).expect("written");
    assert!(merged.contains("ready = \"/notes\"") && merged.contains("first"), "{merged}");
    let ran = bench.run(&["init"]);
    assert!(ran.stdout.contains("already says it all"), "{}", ran.stdout);
}

#[test]
fn nothing_to_start_is_told_with_what_was_looked_for() {
    let bench = Bench::new();
    let ran = bench.run(&["prove"]);
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    for part in ["there is no seaworthy.toml", "package.json", "seaworthy prove -- COMMAND"] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn a_service_that_does_not_start_says_why_and_what_to_do() {
    let bench = starter("process.env.PORT");
    bench.file("server.js", b"throw new Error('SESSION_SECRET is missing');\n");
    let ran = bench.run(&["prove", "--only", "startup,cors", "--format", "json"]);
    let card = card(&ran);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(verdict(&card, "startup"), "fail");
    assert!(ran.stdout.contains("SESSION_SECRET is missing"), "{card}");
}

/// Nobody asked for the step, so its failure must not cost the run.
#[test]
fn a_set_up_that_was_inferred_and_fails_is_left_out_and_told() {
    use std::os::unix::fs::PermissionsExt;
    let bench = starter("process.env.PORT");
    let package = r#"{ "scripts": { "start": "node server.js", "migrate": "knex migrate:latest" },
                       "dependencies": { "pg": "8" } }"#;
    bench.file("package.json", package.as_bytes());
    let tool = bench.path().join("node_modules/.bin/knex");
    std::fs::create_dir_all(tool.parent().expect("it has one")).expect("made");
    std::fs::write(&tool, "#!/bin/sh\necho there is no knexfile\nexit 3\n").expect("written");
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    let ran = bench.run(&["prove", "--only", "startup", "--format", "json"]);
    let card = card(&ran);
    assert_eq!(verdict(&card, "startup"), "pass", "{card}");
    let notes = card["notes"].to_string();
    assert!(
        notes.contains("knex migrate:latest` failed (exit code 3) and was left out"),
        "{notes}"
    );
    assert!(notes.contains("there is no knexfile"), "{notes}");
}

#[test]
fn a_service_of_a_monorepo_is_chosen_by_its_name() {
    let bench = Bench::new();
    let folder = bench.path().join("services/notes");
    std::fs::create_dir_all(&folder).expect("made");
    let server = SERVER.replace("PORT;", "process.env.PORT;");
    std::fs::write(folder.join("server.js"), server).expect("written");
    std::fs::write(folder.join("package.json"), PACKAGE).expect("written");
    let ran = bench.run(&["prove"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("notes (services/notes); choose one: seaworthy prove notes"),
        "{}",
        ran.stderr
    );
    let ran = bench.run(&["prove", "notes", "--only", "startup", "--format", "json"]);
    assert_eq!(verdict(&card(&ran), "startup"), "pass", "{}", ran.stderr);
}
