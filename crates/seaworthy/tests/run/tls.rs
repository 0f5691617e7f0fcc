//! TLS for clients, with certificates of one's own.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::edge::{Edge, Options, free, split, until};

fn write(folder: &Path, file: &str, name: &str) {
    let pair = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("made");
    // As those who renew certificates do: written beside it and put in its place.
    for (kind, text) in [("key", pair.signing_key.serialize_pem()), ("pem", pair.cert.pem())] {
        let path = folder.join(format!("{file}.{kind}"));
        std::fs::write(path.with_extension("new"), text).expect("written");
        std::fs::rename(path.with_extension("new"), path).expect("in its place");
    }
}

fn manifest(folder: &Path, files: &[&str], more: &str) -> String {
    let one = |file: &&str| {
        let path = folder.join(file);
        let path = path.display();
        format!("{{ certificate = \"{path}.pem\", key = \"{path}.key\" }}")
    };
    let all: Vec<_> = files.iter().map(one).collect();
    format!("[supply.tls]\ncertificates = [{}]\n{more}", all.join(", "))
}

fn ask(edge: &Edge, name: &str, targets: &[&str]) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run/tls_client.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(edge.address.port().to_string()).arg(name).args(targets);
    let output = command.output().expect("Python runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {told}"))
}

#[test]
fn the_name_chooses_the_certificate_and_the_service_knows_of_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "one", "one.example");
    write(folder.path(), "two", "two.example");
    let manifest = manifest(folder.path(), &["one", "two"], "");
    let edge = Edge::start(&Options { manifest, ..Options::default() });
    let answer = ask(&edge, "two.example", &["/headers", "/"]);
    assert_eq!((&answer["version"], &answer["alpn"]), (&"TLSv1.3".into(), &"http/1.1".into()));
    assert_eq!(answer["names"][0], "two.example");
    assert_eq!(ask(&edge, "two.example", &[])["alpn"], "h2", "who knows it gets it");
    let headers = answer["answers"][0][1].as_str().unwrap_or_default().to_lowercase();
    assert!(headers.contains("x-forwarded-proto: https"), "{headers}");
    assert_eq!(answer["answers"][1][0], 200);
    assert_eq!(ask(&edge, "one.example", &["/"])["names"][0], "one.example");
    let plain = edge.raw(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!plain.contains("hello"), "{plain:?}");
}

#[test]
fn renewed_certificates_are_read_anew_and_broken_ones_are_not() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "one", "one.example");
    let options = Options { manifest: manifest(folder.path(), &["one"], ""), ..Options::default() };
    let edge = Edge::start(&options);
    let first = ask(&edge, "one.example", &["/"])["certificate"].clone();
    std::fs::write(folder.path().join("one.pem"), "broken").expect("written");
    until("it is told", || edge.output().contains("the certificates stay as they were"));
    assert_eq!(ask(&edge, "one.example", &["/"])["certificate"], first);
    write(folder.path(), "one", "one.example");
    until("it is told", || edge.output().contains("certificates were read anew: one.example"));
    assert_ne!(ask(&edge, "one.example", &["/"])["certificate"], first);
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_before_the_service_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "one", "one.example");
    write(folder.path(), "two", "two.example");
    std::fs::copy(folder.path().join("two.key"), folder.path().join("one.key")).expect("copied");
    let options = Options { manifest: manifest(folder.path(), &["one"], ""), ..Options::default() };
    let mut edge = Edge::begin(&options);
    assert_eq!(edge.ended(), Some(2));
    assert!(
        edge.output().contains("one.key is not the key of the certificate"),
        "{}",
        edge.output()
    );
}

#[test]
fn plain_http_is_sent_to_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "one", "one.example");
    let plain = free();
    let manifest = manifest(folder.path(), &["one"], &format!("redirect = \"{plain}\"\n"));
    let edge = Edge::start(&Options { manifest, ..Options::default() });
    let request = b"POST /a?b=c HTTP/1.1\r\nHost: one.example\r\nContent-Length: 0\r\n\r\n";
    let mut stream = std::net::TcpStream::connect(plain).expect("it listens");
    std::io::Write::write_all(&mut stream, request).expect("sent");
    let (status, head, _) = split(&crate::edge::read_all(&mut stream));
    let to = format!("location: https://one.example:{}/a?b=c", edge.address.port());
    assert!(status == 308 && head.contains(&to), "{head}");
}

/// An authority's certificate, and one with its key that it has issued to a client.
fn issue(folder: &Path) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let own = KeyPair::generate().expect("made");
    let mut authority = CertificateParams::new(Vec::new()).expect("sound");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&own).expect("signed").pem();
    std::fs::write(folder.join("authority.pem"), pem).expect("written");
    let key = KeyPair::generate().expect("made");
    let client = CertificateParams::new(vec!["client".to_owned()]).expect("sound");
    let client = client.signed_by(&key, &Issuer::new(authority, own)).expect("signed");
    std::fs::write(folder.join("client.pem"), client.pem()).expect("written");
    std::fs::write(folder.join("client.key"), key.serialize_pem()).expect("written");
}

#[test]
fn a_route_may_be_for_those_with_a_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "one", "one.example");
    issue(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let clients = format!(
        "clients = {{ authorities = \"{}\", routes = [\"/headers\"] }}\n",
        file("authority.pem")
    );
    let manifest = manifest(folder.path(), &["one"], &clients);
    let edge = Edge::start(&Options { manifest, ..Options::default() });
    let ask = |target: &str, more: &str| {
        let request = format!(
            "GET {target} HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\nClient-Cert: :Zm9yZ2Vk:\\r\\n\\r\\n"
        );
        let script = format!(
            "printf '{request}' | openssl s_client -quiet -connect {} {more} 2>/dev/null",
            edge.address
        );
        let output = Command::new("sh").args(["-c", &script]).output().expect("it runs");
        split(&String::from_utf8_lossy(&output.stdout))
    };
    assert_eq!(ask("/", "").0, 200, "who is asked for none needs none");
    let (status, _, body) = ask("/headers", "");
    assert_eq!((status, body.contains("client_certificate_required")), (403, true), "{body}");
    let own = format!("-cert {} -key {}", file("client.pem"), file("client.key"));
    let (status, _, body) = ask("/headers", &own);
    assert_eq!(status, 200, "{body}");
    let body = body.to_lowercase();
    assert!(body.contains("client-cert: :miib") && !body.contains("zm9yz2vk"), "{body}");
    let strange = format!("-cert {} -key {}", file("one.pem"), file("one.key"));
    assert_eq!(ask("/", &strange).0, 0, "one that nobody issued is no handshake");
}

#[test]
fn a_balancer_says_who_asks() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "one", "one.example");
    for tls in [false, true] {
        let own = if tls { manifest(folder.path(), &["one"], "") } else { String::new() };
        let manifest = format!("[supply]\nproxy_protocol = true\n{own}");
        let edge = Edge::start(&Options { manifest, ..Options::default() });
        if !tls {
            let hello = "PROXY TCP4 203.0.113.9 10.0.0.1 1234 80\r\n";
            let request = "GET /headers HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n";
            let (status, head, body) = split(&edge.raw(format!("{hello}{request}").as_bytes()));
            assert_eq!(status, 200, "{head}");
            let body = body.to_lowercase();
            assert!(
                body.contains("x-forwarded-for: 203.0.113.9\r\n")
                    || body.contains("x-forwarded-for: 203.0.113.9\n"),
                "{body}"
            );
            assert_eq!(edge.raw(request.as_bytes()), "", "one that does not say it is closed");
        } else {
            let told = edge.raw(b"PROXY UNKNOWN\r\n\x16\x03\x01");
            assert_eq!(told, "", "TLS begins behind it");
        }
    }
}
