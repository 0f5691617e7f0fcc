//! Who may ask: tokens are verified before the service sees a request.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::edge::{Edge, Options, until};

/// Runs openssl: another program than ours makes the keys and signs.
fn openssl(words: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl is installed");
    child.stdin.take().expect("piped").write_all(input).expect("it reads");
    child.wait_with_output().expect("it ends").stdout
}

/// A key pair in a folder.
struct Pair {
    folder: tempfile::TempDir,
    kid: &'static str,
}

impl Pair {
    fn new(kid: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = Self { folder, kid };
        std::fs::write(pair.file("key"), openssl(&["genpkey", "-algorithm", "RSA"], b""))
            .expect("written");
        pair
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn public(&self) -> Vec<u8> {
        openssl(&["pkey", "-in", &self.file("key"), "-pubout"], b"")
    }

    fn set(&self) -> String {
        let words = ["rsa", "-in", &self.file("key"), "-noout", "-modulus"];
        let modulus = String::from_utf8(openssl(&words, b"")).expect("hex");
        let hex = modulus.trim().trim_start_matches("Modulus=").as_bytes().chunks(2);
        let byte = |two: &[u8]| u8::from_str_radix(std::str::from_utf8(two).expect("hex"), 16);
        let bytes: Vec<u8> = hex.map(|two| byte(two).expect("hex")).collect();
        json!({"keys": [{"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256",
            "n": BASE64.encode(bytes), "e": "AQAB"}]})
        .to_string()
    }

    fn token(&self, more: &Value) -> String {
        let mut claims = json!({"sub": "ann", "exp": now() + 60});
        let all = claims.as_object_mut().expect("an object");
        all.extend(more.as_object().expect("an object").clone());
        let part = |value: &Value| BASE64.encode(value.to_string());
        let message =
            format!("{}.{}", part(&json!({"alg": "RS256", "kid": self.kid})), part(&claims));
        let key = self.file("key");
        let signature = openssl(&["dgst", "-sha256", "-sign", &key], message.as_bytes());
        format!("{message}.{}", BASE64.encode(signature))
    }
}

fn now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("it is later than 1970").as_secs()
}

fn ask(edge: &Edge, line: &str, token: &str) -> (u16, String, String) {
    edge.ask(&format!(
        "{line}\nAuthorization: Bearer {token}\nX-User-Id: forged\nX_User_Id: forged"
    ))
}

const RULES: &str = "
headers = { \"X-User-Id\" = \"sub\" }
rules = [
  { route = \"/\", allow = \"role:clerk\" },
]
";

fn manifest(keys: &str, rules: &str) -> String {
    format!(
        "[supply]\ntrusted_proxies = []\n[supply.tokens]\nalgorithms = [\"RS256\"]\n{keys}\n{rules}"
    )
}

#[test]
fn only_who_shows_a_good_token_reaches_the_service() {
    let (own, other) = (Pair::new("one"), Pair::new("one"));
    std::fs::write(own.file("public"), own.public()).expect("written");
    let rules =
        RULES.replace("rules = [", "rules = [\n  { route = \"/none\", allow = \"public\" },");
    let keys = format!("public_key = \"{}\"\nrevoked = \"revoked\"", own.file("public"));
    let options = Options {
        manifest: manifest(&keys, &rules),
        supply: "correlation-ids",
        ..Options::default()
    };
    let edge = Edge::start(&options);
    let good = own.token(&json!({"roles": ["clerk"], "jti": "t1"}));
    let (status, head, body) = ask(&edge, "GET /headers", &good);
    assert_eq!(status, 200, "{head}");
    assert!(body.contains("x-user-id: ann") && !body.contains("forged"), "{body}");
    assert_eq!(ask(&edge, "GET /none", "nonsense").0, 404, "what is public needs no token");
    for (token, status, told) in [
        (String::new(), 401, "token_missing"),
        (other.token(&json!({"roles": ["clerk"]})), 401, "the token's signature is wrong"),
        (own.token(&json!({"roles": ["clerk"], "exp": now() - 100})), 401, "has expired"),
        (own.token(&json!({"roles": ["guest"]})), 403, "lacks the role clerk"),
    ] {
        let answer = match token.as_str() {
            "" => edge.ask("GET /headers"),
            token => ask(&edge, "GET /none/../headers", token),
        };
        assert_eq!(answer.0, status, "{answer:?}");
        assert!(answer.2.contains(told), "{answer:?}");
        assert!(answer.1.contains("www-authenticate: bearer"), "{answer:?}");
    }
    let until_then = (now() + 90).to_string();
    let (code, told) = edge.admin(&["revoke", "t1", "--until", &until_then]);
    assert!(code == Some(0) && told.contains("\"t1\""), "{told}");
    assert!(ask(&edge, "GET /headers", &good).2.contains("the token was revoked"));
    let kept = std::fs::read_to_string(edge.path("revoked")).expect("it was written down");
    assert_eq!(kept, format!("t1 {until_then}\n"));
    until("the log names the rule and no token", || {
        let log = edge.output();
        assert!(!log.contains(&good[..40]), "{log}");
        log.contains("\"refused\":\"token_invalid\"")
            && log.contains("\"refused\":\"token_missing\"")
    });
}

/// An issuer that serves a key set, or nothing.
struct Issuer {
    address: std::net::SocketAddr,
    set: Arc<Mutex<String>>,
    away: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    fn start(set: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let set = Arc::new(Mutex::new(set));
        let (away, asked) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (serve, gone, count) = (Arc::clone(&set), Arc::clone(&away), Arc::clone(&asked));
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                if gone.load(Ordering::Relaxed) {
                    continue;
                }
                let mut head = [0; 2048];
                let _ = std::io::Read::read(&mut stream, &mut head);
                let body = serve.lock().expect("sound").clone();
                let length = body.len();
                let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
            }
        });
        Self { address, set, away, asked }
    }
}

#[test]
fn keys_come_from_the_issuer_and_serve_on_while_it_is_away() {
    let (old, new) = (Pair::new("old"), Pair::new("new"));
    let issuer = Issuer::start(old.set());
    let keys = format!("key_set = \"http://{}/keys\"", issuer.address);
    let manifest = manifest(&keys, "");
    let edge = Edge::start(&Options { manifest, ..Options::default() });
    let good = old.token(&json!({}));
    assert_eq!(ask(&edge, "GET /headers", &good).0, 200);
    issuer.away.store(true, Ordering::Relaxed);
    assert_eq!(ask(&edge, "GET /headers", &good).0, 200, "the last keys serve");
    assert_eq!(edge.admin(&["reload"]).0, Some(0));
    assert_eq!(ask(&edge, "GET /headers", &good).0, 200, "under another configuration, too");
    // A new key within the floor of 30 seconds is not asked for, nor is one that somebody invents.
    *issuer.set.lock().expect("sound") = new.set();
    issuer.away.store(false, Ordering::Relaxed);
    let before = issuer.asked.load(Ordering::Relaxed);
    for _ in 0..5 {
        assert_eq!(ask(&edge, "GET /headers", &new.token(&json!({}))).0, 401);
    }
    assert_eq!(issuer.asked.load(Ordering::Relaxed), before);
    assert!(edge.output().contains("the key set has these keys now: old"), "{}", edge.output());
}

#[test]
fn without_keys_nobody_gets_in_and_the_reason_is_said() {
    let pair = Pair::new("one");
    let issuer = Issuer::start(pair.set());
    issuer.away.store(true, Ordering::Relaxed);
    let keys = format!("key_set = \"http://{}/keys\"", issuer.address);
    let edge = Edge::start(&Options { manifest: manifest(&keys, ""), ..Options::default() });
    let token = pair.token(&json!({}));
    let (status, head, body) = ask(&edge, "GET /headers", &token);
    assert_eq!((status, body.contains("keys_unavailable")), (503, true), "{head}");
    until("it is told", || edge.output().contains("tokens cannot be verified until it comes"));
    issuer.away.store(false, Ordering::Relaxed);
    until("the keys have come", || ask(&edge, "GET /headers", &token).0 == 200);
}

#[test]
fn what_is_declared_wrongly_is_told_before_the_service_starts() {
    let manifest = "[supply.tokens]\nalgorithms = [\"none\"]\nsecret = \"KEY\"\n";
    let mut edge = Edge::begin(&Options { manifest: manifest.to_owned(), ..Options::default() });
    assert_eq!(edge.ended(), Some(2));
    let told = edge.output();
    assert!(told.contains("supply.tokens.algorithms: expected HS256"), "{told}");
    assert!(told.contains("supply.tokens.secret: KEY is not set"), "{told}");
}

#[test]
fn what_comes_after_a_body_says_nothing_of_who_asks() {
    let pair = Pair::new("one");
    std::fs::write(pair.file("public"), pair.public()).expect("written");
    let keys = format!("public_key = \"{}\"", pair.file("public"));
    let rules =
        "headers = { \"X-User-Id\" = \"sub\" }\nrules = [{ route = \"/\", allow = \"public\" }]\n";
    let strange = "[supply]\ntrusted_proxies = []\n".to_owned();
    for (manifest, seen) in [(strange, "after the body: x-sum: 1"), (manifest(&keys, rules), "")] {
        let edge = Edge::start(&Options { manifest, ..Options::default() });
        let answer = edge.raw(
            b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
              2\r\nhi\r\n0\r\nX-Sum: 1\r\nX-User-Id: forged\r\nX_Real_Ip: 6.6.6.6\r\nClient-Cert: :YQ==:\r\n\r\n",
        );
        assert!(answer.ends_with("hi"), "{answer}");
        let told = edge.seen();
        let late: Vec<_> = told.lines().filter(|line| line.starts_with("after")).collect();
        let forged =
            late.iter().any(|line| line.contains("x_real_ip") || line.contains("client-cert"));
        assert!(!forged, "{late:?}");
        assert_eq!(late.first().copied().unwrap_or_default(), seen, "{late:?}");
    }
}
