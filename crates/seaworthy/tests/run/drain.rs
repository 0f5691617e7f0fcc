//! Whoever was accepted before the listener closed is answered: at once, late, or again.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::edge::{Edge, Options, read_all, until};

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn edge() -> Edge {
    let manifest = "[controls.graceful-shutdown]\nwithin = \"9s\"\ndrain = \"10ms\"\n";
    Edge::start(&Options { manifest: manifest.into(), ..Options::default() })
}

fn closes(edge: &Edge) {
    edge.signal("SIGTERM");
    until("the port refuses", || TcpStream::connect(edge.address).is_err());
}

#[test]
fn who_was_accepted_and_had_said_nothing_is_answered() {
    let mut edge = edge();
    let mut silent: Vec<_> = (0..4).map(|_| edge.connect()).collect();
    closes(&edge);
    for (stream, pause) in silent.iter_mut().zip([0, 20, 300, 600]) {
        std::thread::sleep(Duration::from_millis(pause));
        stream.write_all(ASK).expect("it is open");
        let answer = read_all(stream);
        assert!(answer.starts_with("HTTP/1.1 200"), "after {pause} ms: {answer:?}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    }
    assert_eq!(edge.ended(), Some(0), "{}", edge.output());
}

#[test]
fn who_asks_again_just_then_is_answered_and_who_is_silent_does_not_hold_the_drain() {
    let mut edge = edge();
    let mut kept = edge.connect();
    kept.write_all(ASK).expect("sent");
    assert!(whole(&mut kept).ends_with(b"hello"));
    let silent = edge.connect();
    closes(&edge);
    std::thread::sleep(Duration::from_millis(300));
    kept.write_all(ASK).expect("it is open");
    assert!(read_all(&mut kept).starts_with("HTTP/1.1 200"));
    let began = std::time::Instant::now();
    assert_eq!(edge.ended(), Some(0), "{}", edge.output());
    assert!(began.elapsed() < Duration::from_secs(6), "a silent connection is not waited for");
    drop(silent);
}

/// Reads an answer, which is whole with its five bytes of body, or as much of it as comes.
fn whole(stream: &mut TcpStream) -> Vec<u8> {
    let (mut answer, mut chunk) = (Vec::new(), [0; 2048]);
    while !answer.ends_with(b"hello") {
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
        }
    }
    answer
}

/// One connection after the other, or many requests on one: how many connections it got, and how many
/// requests on them were lost.
fn ask_until_refused(edge: &Edge, keep: bool, stop: &AtomicBool, lost: &AtomicUsize) -> usize {
    let mut asked = 0;
    while let Ok(mut stream) = TcpStream::connect(edge.address) {
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("set");
        loop {
            let sent = stream.write_all(ASK).is_ok();
            let answer = whole(&mut stream);
            asked += 1;
            if !sent || !answer.ends_with(b"hello") {
                lost.fetch_add(1, Ordering::Relaxed);
                break;
            }
            let last =
                String::from_utf8_lossy(&answer).to_lowercase().contains("connection: close");
            if !keep || last || stop.load(Ordering::Relaxed) {
                break;
            }
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    asked
}

#[test]
fn many_clients_lose_nothing() {
    for keep in [false, true] {
        let mut edge = edge();
        let (stop, lost) = (AtomicBool::new(false), AtomicUsize::new(0));
        let asked = std::thread::scope(|scope| {
            let client = || scope.spawn(|| ask_until_refused(&edge, keep, &stop, &lost));
            let clients: Vec<_> = (0..24).map(|_| client()).collect();
            until("they are at it", || edge.seen().lines().count() > 100);
            edge.signal("SIGTERM");
            clients.into_iter().map(|one| one.join().expect("it ends")).sum::<usize>()
        });
        assert_eq!(lost.load(Ordering::Relaxed), 0, "of {asked}, keep-alive {keep}");
        assert_eq!(edge.ended(), Some(0), "{}", edge.output());
    }
}
