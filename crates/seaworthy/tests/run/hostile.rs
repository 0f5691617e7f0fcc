//! Request smuggling and hostile HTTP: refused, and the service never sees what was hidden inside.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::edge::{Edge, Options, read_all, split};

fn edge() -> Edge {
    let manifest = "[supply]\nheader_timeout = \"1s\"\n[controls.body-limits]\nmax = \"10KiB\"\nslow = \"1s\"\n";
    Edge::start(&Options { manifest: manifest.into(), supply: "body-limits", ..Options::default() })
}

const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn conflicting_lengths_are_refused_and_hide_nothing() {
    let edge = edge();
    for (name, head) in [
        ("two lengths", "Content-Length: 4\r\nContent-Length: 5\r\n"),
        ("a list of lengths", "Content-Length: 4, 5\r\n"),
        ("a signed length", "Content-Length: +4\r\n"),
        ("a negative length", "Content-Length: -1\r\n"),
        ("a length in words", "Content-Length: four\r\n"),
        ("a length in hex", "Content-Length: 0x4\r\n"),
        ("an endless length", "Content-Length: 99999999999999999999\r\n"),
        ("a space before the colon", "Content-Length : 4\r\n"),
        ("another coding", "Transfer-Encoding: xchunked\r\n"),
        ("chunked not last", "Transfer-Encoding: chunked, gzip\r\n"),
        ("identity", "Transfer-Encoding: identity\r\nContent-Length: 4\r\n"),
        ("a coding that begins with a control", "Transfer-Encoding: \u{b}chunked\r\n"),
        ("two codings", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"),
    ] {
        let request = format!("POST /outer HTTP/1.1\r\nHost: a\r\n{head}\r\n0\r\n\r\n{HIDDEN}");
        let answer = edge.raw(request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400"), "{name}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{name}: {answer:?}");
    }
    let seen = edge.seen();
    assert!(!seen.contains("hidden") && !seen.contains("outer"), "{seen}");
}

#[test]
fn a_length_beside_chunks_is_read_in_one_way_and_ends_the_connection() {
    let edge = edge();
    for head in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
    ] {
        let request = format!("POST /outer HTTP/1.1\r\nHost: a\r\n{head}\r\n0\r\n\r\n{HIDDEN}");
        let answer = edge.raw(request.as_bytes());
        // The chunks count, the length is not passed on, nothing after it is believed (RFC 9112, 6.3).
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer:?}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer:?}");
    }
    let seen = edge.seen();
    assert!(seen.contains("outer") && !seen.contains("hidden"), "{seen}");
}

#[test]
fn broken_chunks_are_refused() {
    let edge = edge();
    for chunks in [
        "zz\r\nabcd\r\n0\r\n\r\n",
        "4\r\nabcdX\r\n0\r\n\r\n",
        "-4\r\nabcd\r\n0\r\n\r\n",
        "4 4\r\nabcd\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nabcd\r\n0\r\n\r\n",
        "0x4\r\nabcd\r\n0\r\n\r\n",
        "4\nabcd\n0\n\n",
    ] {
        let head = "POST /chunks HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = edge.raw(format!("{head}{chunks}{HIDDEN}").as_bytes());
        let status = split(&answer).0;
        assert!(matches!(status, 400 | 502 | 0), "{chunks:?}: {answer:?}");
        assert!(answer.matches("HTTP/1.1").count() <= 1, "{chunks:?}: {answer:?}");
    }
    assert!(!edge.seen().contains("hidden"));
}

#[test]
fn broken_heads_are_refused() {
    let edge = edge();
    for (name, request) in [
        ("no host", "GET /x HTTP/1.1\r\n\r\n"),
        ("two hosts", "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("two hosts in one", "GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        ("a host with a path", "GET /x HTTP/1.1\r\nHost: a b/<x>\r\n\r\n"),
        ("a folded header", "GET /x HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n"),
        ("a bare carriage return", "GET /x HTTP/1.1\r\nHost: a\r\nA: b\rX: c\r\n\r\n"),
        ("a NUL", "GET /x HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n"),
        ("a header without a name", "GET /x HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
        ("a name with a space", "GET /x HTTP/1.1\r\nHost: a\r\nA B: c\r\n\r\n"),
        ("a space in the target", "GET /x y HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("another version", "GET /x HTTP/7.0\r\nHost: a\r\n\r\n"),
        ("no version", "GET /x\r\n\r\n"),
        ("garbage", "\u{1}\u{2}\u{3}\u{4}\r\n\r\n"),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n"),
        ("CONNECT", "CONNECT b:443 HTTP/1.1\r\nHost: b\r\n\r\n"),
        ("TRACE", "TRACE /x HTTP/1.1\r\nHost: a\r\n\r\n"),
        ("HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    ] {
        let answer = edge.raw(request.as_bytes());
        let status = split(&answer).0;
        assert!((400..=505).contains(&status) || answer.is_empty(), "{name}: {answer:?}");
    }
    assert_eq!(edge.seen().lines().filter(|line| !line.ends_with(" /")).count(), 0);
}

#[test]
fn too_much_of_anything_is_refused() {
    let edge = edge();
    let long = "a".repeat(100_000);
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    for (name, request, expected) in [
        ("a long target", format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"), [414, 431]),
        ("a long header", format!("GET /x HTTP/1.1\r\nHost: a\r\nA: {long}\r\n\r\n"), [431, 400]),
        ("many headers", format!("GET /x HTTP/1.1\r\nHost: a\r\n{many}\r\n"), [431, 400]),
        (
            "a long body",
            format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{long}"),
            [413, 413],
        ),
        (
            "long chunks",
            format!(
                "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n{long}\r\n0\r\n\r\n"
            ),
            [413, 413],
        ),
    ] {
        let (status, ..) = split(&edge.raw(request.as_bytes()));
        assert!(expected.contains(&status), "{name}: {status}");
    }
}

#[test]
fn slow_heads_and_bodies_do_not_hold_a_connection() {
    let edge = edge();
    let slow_head = std::thread::scope(|scope| {
        let head = scope.spawn(|| trickle(&edge, b"GET /slow-head HTTP/1.1\r\nHost: a\r\nA: "));
        let body = scope.spawn(|| {
            trickle(&edge, b"POST /slow-body HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        });
        let body = body.join().expect("it ends");
        assert!(body.starts_with("HTTP/1.1 408"), "{body:?}");
        head.join().expect("it ends")
    });
    assert!(slow_head.is_empty() || slow_head.starts_with("HTTP/1.1 408"), "{slow_head:?}");
    assert!(!edge.seen().contains("slow-head"));
}

/// Sends a beginning and then a byte now and then, until the other side has had enough.
fn trickle(edge: &Edge, beginning: &[u8]) -> String {
    let mut stream = edge.connect();
    stream.write_all(beginning).expect("sent");
    let began = Instant::now();
    let mut reader = stream.try_clone().expect("a second handle");
    let reading = std::thread::spawn(move || read_all(&mut reader));
    while !reading.is_finished() {
        assert!(began.elapsed() < Duration::from_secs(8), "it is still being held");
        let _ = stream.write_all(b"x");
        std::thread::sleep(Duration::from_millis(100));
    }
    reading.join().expect("it ends")
}

#[test]
fn what_is_for_one_connection_does_not_pass() {
    let edge = edge();
    let request = "GET /headers\nX-Secret: 1\nConnection: X-Secret, X-Forwarded-For\nKeep-Alive: 5\n\
                   Proxy-Authorization: Basic x\nTE: trailers\nX-Kept: 1";
    let (status, head, body) = edge.ask(request);
    let body = body.to_ascii_lowercase();
    assert_eq!(status, 200);
    for gone in ["x-secret", "keep-alive", "proxy-authorization"] {
        assert!(!body.contains(gone), "{gone}: {body}");
    }
    assert!(body.contains("x-kept: 1") && body.contains("x-forwarded-for: 127.0.0.1"), "{body}");
    assert!(!head.contains("x-inner") && !head.contains("keep-alive"), "{head}");
}

#[test]
fn a_target_without_a_path_reaches_the_service_as_one() {
    let edge = edge();
    assert_eq!(
        split(&edge.raw(b"GET http://other?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
            .0,
        200
    );
    assert!(edge.seen().contains("GET /?x=1"), "{}", edge.seen());
}

#[test]
fn an_old_request_without_a_host_is_served() {
    let answer = edge().raw(b"GET /headers HTTP/1.0\r\n\r\n");
    let (status, _, body) = split(&answer);
    assert!(status == 200 && body.to_ascii_lowercase().contains("host: 127.0.0.1:"), "{answer}");
}

#[test]
fn what_the_service_breaks_is_answered_well_or_broken_off() {
    let edge = edge();
    assert_eq!(edge.ask("GET /garbage").0, 502, "{}", edge.output());
    // Half an answer must never look like a whole one.
    let (status, head, body) = edge.ask("GET /half");
    assert!(status == 502 || (head.contains("content-length: 1000") && body == "half"), "{head}");
    let again =
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(edge.raw(again.as_bytes()).matches("HTTP/1.1 200").count(), 2);
}

#[test]
fn bytes_stream_both_ways_and_protocols_switch() {
    let edge = edge();
    let mut stream = edge.connect();
    stream
        .write_all(b"GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("sent");
    let began = Instant::now();
    let mut first = [0; 1];
    std::io::Read::read_exact(&mut stream, &mut first).expect("an answer");
    assert!(began.elapsed() < Duration::from_millis(350), "the first piece waited for the last");
    assert!(read_all(&mut stream).contains('2'));
    let mut stream = edge.connect();
    let request =
        b"GET /socket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    stream.write_all(request).expect("sent");
    let mut answer = vec![0; 1024];
    let mut text = String::new();
    while !text.contains("\r\n\r\n") {
        let count = std::io::Read::read(&mut stream, &mut answer).expect("an answer");
        assert!(count > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&answer[..count]));
    }
    assert!(text.starts_with("HTTP/1.1 101"), "{text}");
    stream.write_all(b"ping").expect("sent");
    let mut echoed = [0; 4];
    std::io::Read::read_exact(&mut stream, &mut echoed).expect("an echo");
    assert_eq!(&echoed, b"ping");
    let mut stream = edge.connect();
    let head = b"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head).expect("sent");
    let mut answer = vec![0; 64];
    let count = std::io::Read::read(&mut stream, &mut answer).expect("an answer");
    assert!(answer[..count].starts_with(b"HTTP/1.1 100"), "{:?}", String::from_utf8_lossy(&answer));
    stream.write_all(b"body").expect("sent");
    assert!(read_all(&mut stream).ends_with("body"));
}
