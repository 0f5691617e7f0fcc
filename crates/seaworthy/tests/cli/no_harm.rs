//! A run changes nothing of the user's: not the repository, not a database on this machine, not
//! anything on the network.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::bench::Bench;

/// A service whose set-up empties the database beside it, as a tutorial's `init-db` does, and that
/// writes wherever it can, by paths with all links resolved.
const GRABBY: &str = include_str!("grabby.py");

/// Size, time, mode and content.
type Seen = (u64, (i64, i64), u32, Vec<u8>);

/// Everything that can be seen of a folder's files but `.seaworthy`.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("it can be read").flatten() {
            let (path, meta) = (entry.path(), entry.metadata().expect("it is there"));
            if entry.file_name() == ".seaworthy" {
                continue;
            }
            let times = (meta.mtime(), meta.mtime_nsec());
            let seen = if meta.is_dir() {
                folders.push(path.clone());
                (0, times, meta.mode(), Vec::new())
            } else {
                (meta.len(), times, meta.mode(), fs::read(&path).expect("read"))
            };
            all.insert(path, seen);
        }
    }
    all
}

/// Counts who connects, on this machine's own loopback and on a Unix socket.
struct Bait {
    port: u16,
    socket: PathBuf,
    touched: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

impl Bait {
    /// What the service tries to write outside its repository.
    fn stray(&self) -> PathBuf {
        PathBuf::from(format!("/var/tmp/seaworthy-grabby-{}", self.port))
    }
}

fn bait() -> Bait {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join(".s.PGSQL.5432");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let unix = UnixListener::bind(&socket).expect("it can be made");
    let touched = Arc::new(AtomicUsize::new(0));
    let port = tcp.local_addr().expect("it is bound").port();
    let counter = Arc::clone(&touched);
    std::thread::spawn(move || {
        // Kept open: a system may reset a connection that nobody holds any more, and a connection
        // that is gone again cannot be seen.
        let mut kept = Vec::new();
        for stream in tcp.incoming().flatten() {
            counter.fetch_add(1, Ordering::SeqCst);
            kept.push(stream);
        }
    });
    let counter = Arc::clone(&touched);
    std::thread::spawn(move || {
        for _ in unix.incoming().flatten() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    Bait { port, socket, touched, _folder: folder }
}

fn grabby(bait: &Bait) -> Bench {
    let bench = Bench::new();
    bench.file("grabby.py", GRABBY.as_bytes());
    bench.file("rows.sqlite", b"the user's own rows");
    bench.file(".env", b"KEY=from-the-user\n");
    fs::create_dir(bench.path().join(".git")).expect("made");
    bench.manifest(&format!(
        r#"
[service]
name = "grabby"
build = "echo built > built.txt; echo '# built' >> grabby.py"
setup = ["python3 grabby.py init"]
start = "python3 grabby.py {{port}} {} {}"
ready = "/"
patience = "10s"
[environment.KEY]
required = false
"#,
        bait.port,
        bait.socket.display()
    ));
    bench
}

fn startup(bench: &Bench, more: &[&str]) -> Value {
    let mut words = vec!["prove", "--only", "startup", "--format", "json"];
    words.extend(more);
    let ran = bench.run(&words);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{} {}", ran.code, ran.stderr))
}

fn log_of(bench: &Bench) -> String {
    let runs = bench.path().join(".seaworthy/runs");
    let run = fs::read_dir(runs).expect("there is one").flatten().next().expect("there is one");
    fs::read_to_string(run.path().join("startup.ndjson")).expect("it is there")
}

#[test]
fn nothing_of_the_users_is_touched() {
    let bait = bait();
    let bench = grabby(&bait);
    let before = snapshot(bench.path());
    let card = startup(&bench, &[]);
    assert_eq!(card["controls"][0]["verdict"], "pass", "{card}");
    assert!(before == snapshot(bench.path()), "the repository changed");
    assert_eq!(bait.touched.load(Ordering::SeqCst), 0);
    // It did what it was made to do, with everything of its own.
    let log = log_of(&bench);
    for line in ["rows: emptied by init", "wrote beside itself", "wrote to /var/tmp", "KEY is None"]
    {
        assert!(log.contains(line), "{line}: {log}");
    }
    assert!(!bait.stray().exists());
}

#[test]
fn who_tries_to_get_out_is_stopped_and_named_and_the_run_goes_on() {
    let bait = bait();
    let card = startup(&grabby(&bait), &[]);
    let notes = card["notes"].to_string();
    // Without a tunnel device nobody gets out either, but nobody is told who tried.
    if fs::OpenOptions::new().write(true).open("/dev/net/tun").is_ok() {
        for word in ["updates.example.net", "203.0.113.80:80", "python3"] {
            assert!(notes.contains(word), "{word}: {notes}");
        }
    }
    assert_eq!(card["partial"], false);
    assert_eq!(card["evidence"]["isolation"], "namespaces");
}

#[test]
fn landlock_protects_where_there_are_no_namespaces() {
    let bait = bait();
    let bench = grabby(&bait);
    let before = snapshot(bench.path());
    startup(&bench, &["--isolation", "landlock"]);
    assert!(before == snapshot(bench.path()), "the repository changed");
    let log = log_of(&bench);
    for line in [
        "rows: emptied by init",
        "could not write to /var/tmp",
        "could not connect to this machine",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}

#[test]
fn what_cannot_be_protected_is_refused_unless_it_is_allowed_by_name() {
    let bait = bait();
    let bench = grabby(&bait);
    let before = snapshot(bench.path());
    let ran = bench.run(&["prove", "--only", "startup", "--isolation", "copies"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("--allow-writes-to"), "{}", ran.stderr);
    let folder = bench.path().display().to_string();
    startup(&bench, &["--isolation", "copies", "--allow-writes-to", &folder]);
    // It runs in a copy all the same.
    assert!(before == snapshot(bench.path()), "the repository changed");
    let _ = fs::remove_file(bait.stray());
}

#[test]
fn a_connection_that_leaves_a_weaker_tier_decides_nothing_and_the_run_goes_on() {
    let bait = bait();
    let bench = Bench::odd("good");
    let text = fs::read_to_string(bench.path().join("seaworthy.toml")).expect("read");
    bench.file("grabby.py", GRABBY.as_bytes());
    let start = format!("python3 grabby.py {{port}} {} /none linger", bait.port);
    bench.manifest(&text.replace("python3 odd.py good {port}", &start));
    let folder = bench.path().display().to_string();
    let card = startup(&bench, &["--isolation", "copies", "--allow-writes-to", &folder]);
    let row = &card["controls"][0];
    assert_eq!(row["verdict"], "inconclusive", "{card}\n{}", log_of(&bench));
    let address = format!("127.0.0.1:{}", bait.port);
    assert!(row["summary"].to_string().contains(&address), "{card}");
    let _ = fs::remove_file(bait.stray());
}

/// Odd places: a folder for temporary files behind a link, evidence beside other things by a relative
/// path, a repository with spaces and a comma in its path.
#[test]
fn odd_places_are_as_safe_as_usual_ones() {
    let bait = bait();
    let usual = grabby(&bait);
    let folder = tempfile::tempdir().expect("a folder");
    let repository = folder.path().join("my, repo: odd");
    fs::create_dir_all(&repository).expect("made");
    for name in ["grabby.py", "rows.sqlite", ".env", "seaworthy.toml"] {
        fs::copy(usual.path().join(name), repository.join(name)).expect("copied");
    }
    let elsewhere = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(elsewhere.path(), &link).expect("linked");
    fs::create_dir(folder.path().join("kept")).expect("made");
    fs::write(folder.path().join("kept/other.txt"), "the user's").expect("written");
    let before = snapshot(&repository);
    let mut command = usual.command(&["prove", "--only", "startup", "--out", "../kept"]);
    let output = command.current_dir(&repository).env("TMPDIR", &link).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(before == snapshot(&repository), "the repository changed");
    assert_eq!(bait.touched.load(Ordering::SeqCst), 0);
    assert!(!bait.stray().exists());
    let kept = fs::read_to_string(folder.path().join("kept/other.txt")).expect("it is there");
    assert_eq!(kept, "the user's");
    assert!(folder.path().join("kept/runs").is_dir());
}

#[test]
fn other_commands_write_nothing_at_all() {
    let bait = bait();
    let bench = grabby(&bait);
    let before = snapshot(bench.path());
    for words in [
        &["check", "--manifest-only"][..],
        &["prove", "--plan"],
        &["list"],
        &["explain", "startup"],
        &["supply"],
    ] {
        bench.run(words);
        assert!(before == snapshot(bench.path()), "{words:?} changed the repository");
    }
    assert!(!bench.path().join(".seaworthy").exists());
}

#[test]
fn a_disposable_address_is_reached_although_the_lab_has_no_way_out() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"hello from outside\n");
        }
    });
    let bench = Bench::new();
    bench.file("grabby.py", GRABBY.as_bytes());
    bench.manifest(&format!(
        r#"
[service]
name = "grabby"
start = "python3 grabby.py {{port}} {{queue.port}} /none"
ready = "/"
patience = "10s"
[dependencies.queue]
kind = "tcp"
url = "tcp://127.0.0.1:{port}"
disposable = true
"#
    ));
    let card = startup(&bench, &[]);
    assert_eq!(card["controls"][0]["verdict"], "pass", "{card}");
    let log = log_of(&bench);
    assert!(log.contains("this machine says: hello from outside"), "{log}");
}
