//! Another configuration while everything runs.

use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::edge::{Edge, Options, until};

fn rewrite(edge: &Edge, manifest: &str) {
    let own = "[service]\nname = \"odd\"\nstart = \"it\"\nport = { env = \"PORT\" }\n";
    let path = edge.path("seaworthy.toml");
    std::fs::write(path.with_extension("new"), format!("{own}{manifest}")).expect("written");
    std::fs::rename(path.with_extension("new"), path).expect("in its place");
}

fn limit(name: &str, quota: &str) -> String {
    format!(
        "[[supply.limits]]\nname = \"{name}\"\nroute = \"/headers\"\nkey = \"all\"\nquotas = [\"{quota}\"]\n"
    )
}

#[test]
fn a_hangup_changes_what_stands_before_the_service_and_goes_on_to_it() {
    let options = Options { manifest: limit("api", "3/hour"), ..Options::default() };
    let edge = Edge::start(&options);
    let ask = || edge.ask("GET /headers").0;
    assert_eq!((ask(), ask()), (200, 200));
    rewrite(&edge, &format!("{}{}", limit("api", "3/hour"), "[supply]\nconcurrency = 7\n"));
    edge.signal("SIGHUP");
    until("it is read", || edge.output().contains("these need a new start: supply.concurrency"));
    until("the service heard it, too", || edge.output().contains("read anew\n"));
    assert_eq!((ask(), ask()), (200, 429), "what was counted goes on");
    rewrite(&edge, &limit("api", "often"));
    let (code, told) = edge.admin(&["reload"]);
    assert!(
        code == Some(2) && told.contains("expected a number and a span such as 100/min"),
        "{told}"
    );
    until("it is said", || edge.output().contains("the configuration stays as it was"));
    assert_eq!(ask(), 429);
    rewrite(&edge, "[supply]\npass_hangup = false\n");
    let (code, told) = edge.admin(&["reload"]);
    assert!(code == Some(0) && told.contains("\"reloaded\": true"), "{told}");
    assert_eq!((ask(), ask()), (200, 200), "no limit is left");
}

#[test]
fn nothing_is_lost_while_it_is_read_again_and_again() {
    let manifest = limit("api", "1000000/s");
    let edge = Arc::new(Edge::start(&Options { manifest, ..Options::default() }));
    let load = Load::begin(&edge);
    let mut number = 0;
    while number < 40 || load.asked() < 500 {
        number += 1;
        rewrite(&edge, &limit("api", &format!("{}/s", 1_000_000 + number)));
        assert_eq!(edge.admin(&["reload"]).0, Some(0), "{}", edge.output());
    }
    load.end();
}

/// Eight clients that ask on and on, on kept connections.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    clients: Vec<std::thread::JoinHandle<()>>,
}

impl Load {
    pub(crate) fn begin(edge: &Arc<Edge>) -> Self {
        let (stop, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |_| {
            let (edge, stop, asked) = (Arc::clone(edge), Arc::clone(&stop), Arc::clone(&asked));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    converse(&edge, &stop, &asked);
                }
            })
        };
        let clients = (0..8).map(client).collect();
        Self { stop, asked, clients }
    }

    /// How many answers have come.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Ends it, when not one answer was lost.
    pub(crate) fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().expect("not one answer was lost");
        }
    }
}

/// Asks on one connection until an answer says that it is the last.
fn converse(edge: &Edge, stop: &AtomicBool, asked: &AtomicUsize) {
    let mut stream = edge.connect();
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(b"GET /port HTTP/1.1\r\nHost: a\r\n\r\n").expect("it is open");
        let mut answer = Vec::new();
        let mut piece = [0; 1024];
        let body = loop {
            let text = String::from_utf8_lossy(&answer).to_lowercase();
            if let Some((head, body)) = text.split_once("\r\n\r\n")
                && let Some((_, rest)) = head.split_once("content-length: ")
                && rest.lines().next().and_then(|l| l.trim().parse().ok()) == Some(body.len())
            {
                break head.to_owned();
            }
            let count = stream.read(&mut piece).expect("an answer");
            assert!(count > 0, "closed in place of an answer: {text}");
            answer.extend_from_slice(&piece[..count]);
        };
        assert!(body.starts_with("http/1.1 200"), "{body}");
        asked.fetch_add(1, Ordering::Relaxed);
        if body.contains("connection: close") {
            return;
        }
    }
}
