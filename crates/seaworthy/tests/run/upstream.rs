//! What comes from the service, however it says it.

use std::io::{Read, Write};

use crate::edge::{Edge, Options, read_all, split, until};

/// The answer of a service that says exactly this.
fn says(edge: &Edge, text: &str, closes: bool) -> (u16, String, String) {
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let path = if closes { "/raw-close" } else { "/raw" };
    edge.ask(&format!("GET {path}?{encoded}"))
}

#[test]
fn every_way_to_end_a_body_is_understood() {
    let edge = Edge::start(&Options::default());
    for (text, closes) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", false),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", true),
        ("HTTP/1.0 200 OK\r\n\r\nhello", true),
        (
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            false,
        ),
    ] {
        let (status, head, body) = says(&edge, text, closes);
        // What ended with its connection goes on in chunks.
        let expected = if closes { "5\r\nhello\r\n0\r\n\r\n" } else { "hello" };
        assert_eq!((status, body.as_str()), (200, expected), "{text:?}: {head}");
    }
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
    let (status, head, body) = says(&edge, chunked, false);
    assert!(status == 200 && body.contains("he") && body.ends_with("0\r\n\r\n"), "{head}{body}");
    let own = "HTTP/1.1 299 My Own\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n";
    let (status, head, _) = says(&edge, own, false);
    assert!(status == 299 && head.contains("my own"), "{head}");
    assert_eq!(head.matches("set-cookie").count(), 2, "{head}");
    assert_eq!(says(&edge, "HTTP/1.1 204 No Content\r\n\r\n", false).0, 204);
    assert_eq!(edge.ask("GET /").2, "hello", "nothing of all that is left on a connection");
}

#[test]
fn what_can_be_read_in_two_ways_does_not_pass() {
    let edge = Edge::start(&Options::default());
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n",
        "",
    ] {
        let (status, head, body) = says(&edge, text, true);
        assert_eq!(status, 502, "{text:?}: {head}{body}");
    }
    // What is broken after the head cannot be refused any more: it is cut off, and seen to be.
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n\r\n",
    ] {
        let (_, head, body) = says(&edge, text, true);
        let whole = body.ends_with("0\r\n\r\n") || head.contains("content-length: 5");
        assert!(!whole, "{text:?}: {head}{body}");
    }
}

#[test]
fn nothing_that_follows_an_answer_belongs_to_the_next_one() {
    let edge = Edge::start(&Options::default());
    let two = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
    assert_eq!(says(&edge, two, false).2, "hello");
    for _ in 0..3 {
        assert_eq!(edge.ask("GET /").2, "hello");
    }
}

#[test]
fn an_answer_may_come_before_the_whole_request() {
    let edge = Edge::start(&Options::default());
    let refusal = "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig";
    let path: String = refusal.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let head =
        format!("POST /raw-close?{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n");
    let mut stream = edge.connect();
    stream.write_all(head.as_bytes()).expect("sent");
    // It may close while this is being sent.
    let _ = stream.write_all(&vec![b'x'; 1_000_000]);
    let (status, _, body) = split(&read_all(&mut stream));
    assert_eq!((status, body.as_str()), (413, "big"));
}

#[test]
fn connections_are_used_again_and_not_kept_for_long() {
    let edge = Edge::start(&Options { supply: "graceful-shutdown", ..Options::default() });
    let port = || edge.ask("GET /port").2;
    let mut first = String::new();
    until("one after the other, requests share a connection", || {
        first = port();
        port() == first
    });
    let connections = || {
        let all = std::fs::read_to_string(format!("/proc/{}/net/tcp", edge.pid())).expect("Linux");
        let local = format!(":{:04X} ", first.parse::<u16>().expect("a port"));
        all.lines().any(|line| line.contains(&local) && line.contains(" 01 "))
    };
    until("the idle connection closes", || !connections());
    assert_ne!(port(), first);
}

#[test]
fn a_service_that_closes_what_it_said_to_keep_does_not_matter() {
    let edge = Edge::start(&Options::default());
    for number in 0..200 {
        let method = if number % 2 == 0 { "GET" } else { "HEAD" };
        assert_eq!(edge.ask(&format!("{method} /forgets?{number}")).0, 200);
    }
    // Each was seen once, or a second time when its connection had ended before the answer.
    let seen = edge.seen();
    assert!((0..200).all(|number| seen.contains(&format!("/forgets?{number}"))));
}

#[test]
fn an_answer_and_the_rest_of_its_request_do_not_wait_for_each_other() {
    let edge = Edge::start(&Options::default());
    // More than all buffers on the way hold.
    let size = 24 * 1024 * 1024;
    let mut stream = edge.connect();
    stream.set_write_timeout(Some(std::time::Duration::from_secs(10))).expect("a timeout");
    let head = format!(
        "POST /both-ways?{size} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(&vec![b'y'; size]).expect("taken, although nothing is read yet");
    let (status, _, body) = split(&read_all(&mut stream));
    assert_eq!((status, body.len()), (200, size));
}

#[test]
fn a_client_that_breaks_off_its_request_is_known_to_the_service() {
    let edge = Edge::start(&Options::default());
    let mut stream = edge.connect();
    let head = b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf";
    stream.write_all(head).expect("sent");
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).expect("the answer begins");
    assert_eq!(&begun, b"HTTP/1.1 200");
    drop(stream);
    until("the service knows", || edge.seen().contains("cut off"));
    let whole =
        "POST /early HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 4\r\n\r\nhalf";
    assert_eq!(split(&edge.raw(whole.as_bytes())).2, "whole");
}

#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let manifest = "[controls.body-limits]\nmax = \"10KiB\"\n".to_owned();
    let edge = Edge::start(&Options { manifest, supply: "body-limits", ..Options::default() });
    let size = 24 * 1024 * 1024;
    for head in [format!("Content-Length: {size}"), "Transfer-Encoding: chunked".to_owned()] {
        let mut stream = edge.connect();
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{head}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("sent");
        if head.contains("chunked") {
            stream.write_all(format!("{size:x}\r\n").as_bytes()).expect("sent");
        }
        stream.write_all(&vec![b'y'; size]).expect("taken, although nobody wants it");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("read to its end");
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    }
}

#[test]
fn a_client_that_leaves_is_not_answered_in_vain() {
    let edge = Edge::start(&Options::default());
    let mut stream = edge.connect();
    stream.write_all(b"GET /early-leave HTTP/1.1\r\nHost: a\r\n\r\n").expect("sent");
    until("the service has it", || edge.seen().contains("/early-leave"));
    drop(stream);
    until("the service knows", || edge.seen().contains("left"));
}
