//! Another seaworthy takes the place of one that runs.

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::edge::{Edge, Options, free, service, until};
use crate::reload::Load;

/// One that takes over, in the folder of the first.
struct Next(Child);

impl Next {
    fn start(edge: &Edge, number: usize, more: &[&str]) -> Self {
        let log = std::fs::File::create(edge.path(&format!("next-{number}"))).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
        command.args(["run", "--take-over", "--listen", &edge.address.to_string(), "--admin"]);
        command.arg(edge.path("admin.sock")).args(more).arg("--").arg("python3").arg(service());
        command.current_dir(edge.path("")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        Self(command.spawn().expect("seaworthy starts"))
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        for _ in 0..2 {
            let _ = process::signal::send(self.0.id(), "SIGTERM");
        }
        let _ = self.0.wait();
    }
}

fn said(edge: &Edge, number: usize) -> String {
    std::fs::read_to_string(edge.path(&format!("next-{number}"))).unwrap_or_default()
}

fn pid(edge: &Edge) -> u64 {
    let (_, told) = edge.admin(&["status"]);
    let status: serde_json::Value = serde_json::from_str(&told).unwrap_or_default();
    status["pid"].as_u64().unwrap_or_default()
}

#[test]
fn one_after_the_other_takes_over_and_not_one_answer_is_lost() {
    let edge = Arc::new(Edge::start(&Options::default()));
    let load = Load::begin(&edge);
    let (mut before, mut last) = (pid(&edge), None::<Next>);
    for number in 0..3 {
        let next = Next::start(&edge, number, &[]);
        until("it has taken over", || {
            said(&edge, number).contains("took over from the one before")
        });
        match last.as_mut() {
            Some(old) => {
                until("the one before has gone", || old.0.try_wait().expect("ours").is_some());
                let status = old.0.wait().expect("ours");
                assert!(status.success(), "{status}: {}", said(&edge, number - 1));
            }
            None => until("the first has gone", || {
                edge.output().contains("an operator's word: draining")
                    && edge.output().contains("stopped in order")
            }),
        }
        let now = pid(&edge);
        assert!(now != 0 && now != before, "the socket is the new one's, and so is the service");
        let so_far = load.asked();
        until("it serves", || load.asked() > so_far + 100);
        (before, last) = (now, Some(next));
    }
    load.end();
}

#[test]
fn one_that_does_not_get_ready_changes_nothing_and_what_cannot_be_is_told() {
    let edge = Edge::start(&Options::default());
    let before = pid(&edge);
    let mut broken = Next::start(&edge, 0, &["--supply", "graceful-shutdown"]);
    // It is killed before its service is ready.
    let _ = broken.0.kill();
    let _ = broken.0.wait();
    assert_eq!(edge.ask("GET /").0, 200);
    assert_eq!(pid(&edge), before);
    let mut fixed = Next::start(&edge, 1, &["--port", "19999"]);
    assert_eq!(fixed.0.wait().expect("it ends").code(), Some(2));
    assert!(said(&edge, 1).contains("--port fixes the service's port"), "{}", said(&edge, 1));
    let next = Next::start(&edge, 2, &[]);
    until("it has taken over", || said(&edge, 2).contains("took over from the one before"));
    assert_eq!(edge.ask("GET /").0, 200);
    drop(next);
}

#[test]
fn a_listener_of_systemd_is_used_and_who_came_before_is_served() {
    let folder = tempfile::tempdir().expect("a folder");
    let address = free();
    // What systemd does, in a few lines: the socket is there before the program.
    let script = "import os, socket, sys\n\
        s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n\
        os.dup2(s.fileno(), 3)\n\
        os.set_inheritable(3, True)\n\
        os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))\n\
        os.execv(sys.argv[2], sys.argv[2:])";
    let mut command = Command::new("python3");
    command.args(["-c", script, &address.port().to_string(), env!("CARGO_BIN_EXE_seaworthy")]);
    command.args(["run", "--listen", &address.to_string(), "--admin", "none", "--"]);
    command.arg("python3").arg(service()).current_dir(folder.path());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.env("START_TAKES", "3");
    let began = std::time::Instant::now();
    let _running = Next(command.spawn().expect("Python runs"));
    // It is open before the service is ready, and nobody is refused.
    until("the socket is there", || std::net::TcpStream::connect(address).is_ok());
    let mut early = std::net::TcpStream::connect(address).expect("it is open");
    early.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("sent");
    assert!(began.elapsed().as_secs() < 3, "the service cannot be ready yet");
    let answer = crate::edge::read_all(&mut early);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
