//! WebSockets behind the edge.

use std::io::{Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::json;

use crate::edge::{Edge, Options, until};

/// A frame of a server, as the service gives it back.
const HELLO: &[u8] = &[0x81, 2, b'h', b'i'];

fn open(edge: &Edge, target: &str) -> TcpStream {
    let mut stream = edge.connect();
    let head = format!(
        "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
    stream
}

fn echo(stream: &mut TcpStream) {
    stream.write_all(HELLO).expect("sent");
    let mut answer = [0; HELLO.len()];
    stream.read_exact(&mut answer).expect("echoed");
    assert_eq!(answer, HELLO);
}

/// The code of the goodbye that everything ends with.
fn goodbye(stream: &mut TcpStream) -> (u16, String) {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    assert_eq!(all.first(), Some(&0x88), "{all:?}");
    let reason = String::from_utf8_lossy(&all[4..]).into_owned();
    (u16::from_be_bytes([all[2], all[3]]), reason)
}

#[test]
fn a_drain_says_goodbye_to_each_in_its_own_moment() {
    let manifest = "[controls.graceful-shutdown]\nwithin = \"5s\"\n".to_owned();
    let mut edge = Edge::start(&Options { manifest, ..Options::default() });
    let mut all: Vec<_> = (0..10).map(|_| open(&edge, "/websocket")).collect();
    all.iter_mut().for_each(echo);
    edge.signal("SIGTERM");
    let began = std::time::Instant::now();
    let readers: Vec<_> = all
        .into_iter()
        .map(|mut stream| {
            std::thread::spawn(move || (goodbye(&mut stream), began.elapsed().as_millis()))
        })
        .collect();
    let mut moments = Vec::new();
    for reader in readers {
        let (goodbye, at) = reader.join().expect("it reads");
        assert_eq!(goodbye, (1001, "going away".to_owned()));
        moments.push(at);
    }
    moments.sort_unstable();
    assert!(
        moments[9] - moments[0] >= 200,
        "spread, so that not all come back at once: {moments:?}"
    );
    assert_eq!(edge.ended(), Some(0));
}

#[test]
fn what_is_too_large_or_too_much_is_refused_and_counted() {
    let manifest = "[supply.websocket]\nmax_message = \"1KiB\"\nmessages = \"3/min\"\n\
                    [controls.metrics]\npath = \"/metrics\"\n";
    let options =
        Options { manifest: manifest.to_owned(), supply: "metrics", ..Options::default() };
    let edge = Edge::start(&options);
    let mut large = open(&edge, "/websocket");
    echo(&mut large);
    large.write_all(&[0x82, 126, 4, 1]).expect("sent");
    assert_eq!(goodbye(&mut large), (1009, "the message is too large".to_owned()));
    let mut many = open(&edge, "/websocket");
    (0..3).for_each(|_| echo(&mut many));
    many.write_all(HELLO).expect("sent");
    assert_eq!(goodbye(&mut many), (1008, "too many messages".to_owned()));
    until("both are counted", || {
        let (_, _, text) = edge.ask("GET /metrics");
        text.contains("websockets_closed_total{why=\"message_too_large\"} 1")
            && text.contains("websockets_closed_total{why=\"too_many_messages\"} 1")
            && text.contains("websockets_open 0")
    });
    until("the service knows", || edge.seen().matches("socket ended").count() == 2);
}

#[test]
fn a_token_in_the_query_opens_a_socket_for_as_long_as_it_holds() {
    let manifest = "[supply.tokens]\nalgorithms = [\"HS256\"]\nsecret = \"KEY\"\nleeway = \"0s\"\n\
                    from = [\"header\", \"query:token\"]\n";
    let key = "a secret that is long enough to hold";
    let options = Options {
        manifest: manifest.to_owned(),
        env: vec![("KEY", key.to_owned())],
        supply: "correlation-ids",
        ..Options::default()
    };
    let edge = Edge::start(&options);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("later");
    let part = |value: serde_json::Value| BASE64.encode(value.to_string());
    let claims = json!({"sub": "ann", "exp": now.as_secs() + 3});
    let message = format!("{}.{}", part(json!({"alg": "HS256"})), part(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
    let token = format!("{message}.{}", BASE64.encode(ring::hmac::sign(&key, message.as_bytes())));
    assert_eq!(edge.ask(&format!("GET /headers?token={token}")).0, 401, "only for sockets");
    let mut socket = open(&edge, &format!("/websocket?token={token}"));
    echo(&mut socket);
    assert_eq!(goodbye(&mut socket), (1008, "the token has expired".to_owned()));
    until("the request is in the log", || edge.output().contains("/websocket"));
    assert!(!edge.output().contains(&token), "and the token is not");
}
