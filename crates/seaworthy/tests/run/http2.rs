//! HTTP/2 with clients, and with a service that wants it. The frames are written by hand: what is
//! tried here is what no library would send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::edge::{Edge, Options, until};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("small").to_be_bytes();
    let head = [length[1], length[2], length[3], kind, flags];
    [&head[..], &stream.to_be_bytes(), payload].concat()
}

/// A header that is not in the table of names (RFC 7541, 6.2.2).
fn header(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| {
        let length = text.len();
        // A prefix of seven bits (RFC 7541, 5.1).
        let mut bytes = if length < 127 {
            vec![u8::try_from(length).expect("small")]
        } else {
            let mut rest = length - 127;
            let mut bytes = vec![127];
            while rest >= 128 {
                bytes.push(0x80 | u8::try_from(rest % 128).expect("small"));
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).expect("small"));
            bytes
        };
        bytes.extend(text.as_bytes());
        bytes
    };
    [vec![0], text(name), text(value)].concat()
}

/// The head of a GET.
fn get(path: &str) -> Vec<u8> {
    // GET and http are in the table.
    [vec![0x82, 0x86], header(":path", path), header(":authority", "a")].concat()
}

/// A connection that says what it likes.
struct Raw(TcpStream);

#[derive(Debug)]
struct Got {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Raw {
    fn open(edge: &Edge, settings: &[u8]) -> Self {
        let mut stream = edge.connect();
        stream.set_nodelay(true).expect("set");
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        let hello = [&preface[..], &frame(SETTINGS, 0, 0, settings)].concat();
        stream.write_all(&hello).expect("sent");
        Self(stream)
    }

    fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    fn ask(&mut self, stream: u32, path: &str) {
        self.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &get(path)));
    }

    fn post(&mut self, stream: u32, path: &str, body: &[u8]) {
        let head = [vec![0x83, 0x86], header(":path", path), header(":authority", "a")].concat();
        let mut frames = frame(HEADERS, END_HEADERS, stream, &head);
        for piece in body.chunks(16 * 1024) {
            frames.extend(frame(DATA, 0, stream, piece));
        }
        frames.extend(frame(DATA, END_STREAM, stream, &[]));
        self.send(&frames);
    }

    /// The next frame; nothing at the end.
    fn next(&mut self) -> Option<Got> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length as usize];
        self.0.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Got { kind: head[3], flags: head[4], stream, payload })
    }

    /// Everything up to the end of a stream, or of the connection.
    fn until_end_of(&mut self, stream: u32) -> Vec<Got> {
        let mut all = Vec::new();
        while let Some(got) = self.next() {
            let ends = got.stream == stream
                && (got.kind == RESET || (got.kind <= HEADERS && got.flags & END_STREAM != 0));
            all.push(got);
            if ends {
                break;
            }
        }
        all
    }

    /// Everything that still comes.
    fn rest(&mut self) -> Vec<Got> {
        std::iter::from_fn(|| self.next()).collect()
    }
}

fn body(frames: &[Got], stream: u32) -> Vec<u8> {
    let own = frames.iter().filter(|got| got.kind == DATA && got.stream == stream);
    own.flat_map(|got| got.payload.clone()).collect()
}

/// The error with which a connection was ended (RFC 9113, 7).
fn error(frames: &[Got]) -> Option<u32> {
    let last = frames.iter().rfind(|got| got.kind == GOAWAY)?;
    Some(u32::from_be_bytes(last.payload[4..8].try_into().expect("four bytes")))
}

const ENHANCE_YOUR_CALM: Option<u32> = Some(0xb);

fn everywhere(more: &str) -> Edge {
    let manifest = format!("[supply]\nhttp2 = \"everywhere\"\n{more}");
    Edge::start(&Options { manifest, supply: "correlation-ids", ..Options::default() })
}

#[test]
fn many_requests_go_over_one_connection_and_http1_beside_it() {
    let edge = everywhere("");
    let mut raw = Raw::open(&edge, &[]);
    for number in 0..20 {
        raw.ask(1 + 2 * number, if number == 0 { "/slow?0.3" } else { "/headers" });
    }
    let frames = raw.until_end_of(1);
    let first = String::from_utf8(body(&frames, 3)).expect("text").to_lowercase();
    assert!(first.contains("host: a") && first.contains("x-forwarded-for: 127.0.0.1"), "{first}");
    for number in 0..20 {
        assert!(
            !body(&frames, 1 + 2 * number).is_empty(),
            "{number} did not wait for the slow one"
        );
    }
    assert_eq!(edge.ask("GET /").0, 200, "HTTP/1.1 at the same port");
    let broken = edge.raw(b"PRX * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(broken.starts_with("HTTP/1.1 400"), "{broken}");
}

#[test]
fn a_drain_ends_what_was_begun_and_says_up_to_where() {
    let mut edge = everywhere("[controls.graceful-shutdown]\nwithin = \"8s\"\n");
    let mut raw = Raw::open(&edge, &[]);
    raw.ask(1, "/slow?2.5");
    until("it has arrived", || edge.seen().contains("/slow"));
    edge.signal("SIGTERM");
    let frames = raw.rest();
    assert_eq!(body(&frames, 1), b"hello", "{frames:?}");
    assert_eq!(error(&frames), Some(0));
    assert_eq!(edge.ended(), Some(0));
}

#[test]
fn who_asks_and_takes_back_is_sent_away() {
    let edge = everywhere("");
    let mut raw = Raw::open(&edge, &[]);
    let mut flood = Vec::new();
    for number in 0..2000 {
        let stream = 1 + 2 * number;
        flood.extend(frame(HEADERS, END_HEADERS | END_STREAM, stream, &get("/slow?1")));
        flood.extend(frame(RESET, 0, stream, &8_u32.to_be_bytes()));
    }
    raw.send(&flood);
    assert_eq!(error(&raw.rest()), ENHANCE_YOUR_CALM, "rapid reset (CVE-2023-44487)");
    let reached = edge.seen().matches("/slow").count();
    assert!(reached < 200, "{reached} of 2000 reached the service");
}

#[test]
fn what_makes_the_edge_reset_streams_is_counted_too() {
    let edge = everywhere("");
    let mut raw = Raw::open(&edge, &[]);
    for number in 0..1000 {
        let stream = 1 + 2 * number;
        let mut flood = frame(HEADERS, END_HEADERS, stream, &get("/slow?1"));
        // A window that opens too far is an error of its stream (RFC 9113, 6.9.1).
        flood.extend(frame(WINDOW, 0, stream, &0x7fff_ffff_u32.to_be_bytes()));
        if !raw.send(&flood) {
            break;
        }
    }
    assert_eq!(error(&raw.rest()), ENHANCE_YOUR_CALM, "made you reset (CVE-2025-8671)");
    assert_eq!(edge.ask("GET /").0, 200);
}

#[test]
fn a_head_that_never_ends_is_cut_off() {
    let edge = everywhere("");
    let mut raw = Raw::open(&edge, &[]);
    raw.send(&frame(HEADERS, END_STREAM, 1, &get("/")));
    let piece = frame(CONTINUATION, 0, 1, &header("x-a", &"a".repeat(10_000)));
    let sent = (0..10_000).take_while(|_| raw.send(&piece)).count();
    assert!(sent < 2000, "{sent} pieces were read (CVE-2024-27316)");
    let mut raw = Raw::open(&edge, &[]);
    raw.send(&frame(HEADERS, END_STREAM, 1, &get("/")));
    let empty = frame(CONTINUATION, 0, 1, &[]);
    let sent = (0..2_000_000).take_while(|_| raw.send(&empty)).count();
    assert!(sent < 1_000_000, "{sent} empty pieces were read");
    assert_eq!(edge.ask("GET /").0, 200);
    assert!(!edge.seen().contains("x-a"));
}

#[test]
fn a_head_that_grows_when_it_is_unpacked_is_refused() {
    let edge = everywhere("");
    let mut raw = Raw::open(&edge, &[]);
    // One large value in the table, then a thousand references to it (HPACK bomb, CVE-2016-6581).
    let large = "a".repeat(3000);
    let mut block = get("/headers");
    let mut named = header("x-bomb", &large);
    named[0] = 0x40;
    block.extend(named);
    block.extend(vec![0x80 | 62; 1000]);
    raw.send(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block));
    raw.0.set_read_timeout(Some(Duration::from_secs(3))).expect("set");
    let frames = raw.until_end_of(1);
    assert!(body(&frames, 1).is_empty(), "{} bytes", body(&frames, 1).len());
    assert!(!edge.seen().contains("/headers"));
}

#[test]
fn floods_that_are_never_read_stop_at_the_senders_side() {
    let edge = everywhere("");
    let before = resident(&edge);
    for (what, piece) in [
        ("pings (CVE-2019-9512)", frame(PING, 0, 0, &[7; 8])),
        ("settings (CVE-2019-9515)", frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])),
        ("empty frames (CVE-2019-9518)", frame(DATA, 0, 1, &[])),
        ("priorities (CVE-2019-9513)", frame(2, 0, 3, &[0, 0, 0, 0, 1])),
    ] {
        let mut raw = Raw::open(&edge, &[]);
        raw.send(&frame(HEADERS, END_HEADERS, 1, &get("/")));
        raw.0.set_write_timeout(Some(Duration::from_millis(500))).expect("set");
        let many: Vec<u8> = piece.repeat(1000);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) && raw.send(&many) {}
        assert_eq!(edge.ask("GET /").0, 200, "{what}: others are served meanwhile");
    }
    let grown = resident(&edge).saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
}

/// The memory of the edge, in bytes.
fn resident(edge: &Edge) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", edge.pid())).expect("it lives");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("it is there");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("a number") * 1024
}

#[test]
fn an_answer_that_nobody_takes_is_given_up_and_an_idle_client_is_sent_away() {
    let edge = everywhere("client_timeout = \"1s\"\nheader_timeout = \"2s\"\n");
    // A window of one byte, which is never opened.
    let mut raw = Raw::open(&edge, &[0, 4, 0, 0, 0, 1]);
    raw.post(1, "/", &[7; 60_000]);
    let began = Instant::now();
    let frames = raw.until_end_of(1);
    assert_eq!(frames.last().map(|got| got.kind), Some(RESET), "{frames:?}");
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    let rest = raw.rest();
    assert_eq!(error(&rest), Some(0), "idle: {rest:?}");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[test]
fn a_service_that_speaks_http2_is_spoken_to_so_and_its_trailers_pass() {
    // Another edge is that service: it speaks HTTP/1.1 to the one within.
    let inner = format!(
        "printf '[service]\\nname = \"inner\"\\nstart = \"it\"\\nport = {{ env = \"PORT\" }}\\n[supply]\\nhttp2 = \"everywhere\"\\n' > inner.toml; \
         exec {} run --manifest inner.toml --listen $PORT --admin none --supply graceful-shutdown -- \"$@\"",
        env!("CARGO_BIN_EXE_seaworthy")
    );
    let options = Options {
        manifest: "[supply]\nhttp2 = \"everywhere\"\nservice_http2 = true\n".to_owned(),
        wrapper: vec!["sh", "-c", Box::leak(inner.into_boxed_str()), "sh"],
        ..Options::default()
    };
    let edge = Edge::start(&options);
    until("the inner one is ready", || edge.ask("GET /").0 == 200);
    let chunks = "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 42\r\n\r\n";
    let escaped: String = chunks.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let mut raw = Raw::open(&edge, &[]);
    raw.ask(1, &format!("/raw?{escaped}"));
    let frames = raw.until_end_of(1);
    assert_eq!(body(&frames, 1), b"hi");
    let last = frames.last().expect("some");
    assert_eq!((last.kind, last.flags & END_STREAM), (HEADERS, END_STREAM), "trailers");
    raw.post(3, "/", b"what is sent");
    assert_eq!(body(&raw.until_end_of(3), 3), b"what is sent");
    let (status, head, body) = edge.ask("GET /headers");
    assert_eq!(status, 200, "{head}");
    assert!(!head.contains("x-inner") && body.to_lowercase().contains("host: a"), "{body}");
}
