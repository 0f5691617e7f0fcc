//! A deployed service behind TLS, with certificates of an authority of the test's own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;

use crate::bench::Bench;

/// The authority, and the files of one server.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut own = CertificateParams::new(Vec::new()).expect("no names");
        own.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(own, key).expect("an authority");
        Self { issuer }
    }

    /// Writes a certificate for this name that is valid for so many days from now, and its key.
    fn issue(&self, folder: &Path, name: &str, days: i64) {
        let mut own = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
        let until = until.to_zoned(jiff::tz::TimeZone::UTC).date();
        let (year, month, day) = (until.year(), until.month(), until.day());
        let part = |number: i8| u8::try_from(number).expect("it is a date");
        own.not_before = rcgen::date_time_ymd(2020, 1, 1);
        own.not_after = rcgen::date_time_ymd(i32::from(year), part(month), part(day));
        let key = KeyPair::generate().expect("a key");
        let certificate = own.signed_by(&key, &self.issuer).expect("a certificate");
        let write = |file: &str, text: &str| {
            std::fs::write(folder.join(file), text).expect("it is written");
        };
        write("ca.pem", &self.issuer.pem());
        write("server.pem", &certificate.pem());
        write("server.key", &key.serialize_pem());
    }
}

/// A server with the certificate of the folder; it ends with this value.
struct Server {
    port: u16,
    process: Child,
}

impl Server {
    fn start(folder: &Path, oldest: &str) -> Self {
        std::fs::write(folder.join("tls.py"), include_str!("tls.py")).expect("it is written");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("it has one").port();
        drop(free);
        let process = Command::new("python3")
            .args(["tls.py", &port.to_string(), "server.pem", "server.key", oldest])
            .current_dir(folder)
            // It complains of every connection that is refused on purpose.
            .stderr(Stdio::null())
            .spawn()
            .expect("python runs");
        let deadline = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "it never listened");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { port, process }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The scorecard's row of a control that is tried on the server.
fn row(bench: &Bench, server: &Server, control: &str, trusted: Option<&str>) -> Value {
    let url = format!("https://127.0.0.1:{}", server.port);
    let mut command = bench.command(&["prove", "--target", &url, "--format", "json"]);
    command.args(["--only", control]).env_remove("SSL_CERT_FILE");
    if let Some(file) = trusted {
        command.env("SSL_CERT_FILE", bench.path().join(file));
    }
    let output = command.output().expect("the binary runs");
    let card: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    card["controls"][0].clone()
}

fn causes(row: &Value) -> Vec<&str> {
    let findings = row["findings"].as_array().into_iter().flatten();
    findings.filter_map(|finding| finding["cause"].as_str()).collect()
}

/// What is found of a server whose certificate is of that kind.
fn found(name: &str, days: i64, oldest: &str, trusted: Option<&str>) -> Value {
    let bench = Bench::odd("good");
    Authority::new().issue(bench.path(), name, days);
    let server = Server::start(bench.path(), oldest);
    row(&bench, &server, "https-only", trusted)
}

#[test]
fn a_good_server_passes_over_real_tls() {
    let row = found("127.0.0.1", 90, "TLSv1_2", Some("ca.pem"));
    assert_eq!((&row["verdict"], causes(&row)), (&Value::from("pass"), vec![]), "{row}");
}

#[test]
fn each_certificate_that_is_not_good_is_told_by_its_cause() {
    for (name, days, trusted, cause, word) in [
        ("127.0.0.1", 90, None, "certificate-not-valid", "UnknownIssuer"),
        ("other.example.com", 90, Some("ca.pem"), "certificate-not-valid", "other.example.com"),
        ("127.0.0.1", -5, Some("ca.pem"), "certificate-expired", "expired"),
        ("127.0.0.1", 5, Some("ca.pem"), "certificate-expires", "more days"),
    ] {
        let row = found(name, days, "TLSv1_2", trusted);
        assert_eq!(causes(&row), [cause], "{row}");
        let text = row["findings"][0].to_string();
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn old_versions_that_are_still_spoken_are_found() {
    let row = found("127.0.0.1", 90, "TLSv1", Some("ca.pem"));
    assert_eq!(causes(&row), ["old-tls"], "{row}");
    let text = row["findings"][0].to_string();
    assert!(text.contains("TLS 1.0 and TLS 1.1"), "{text}");
    let row = found("127.0.0.1", 90, "TLSv1_3", Some("ca.pem"));
    assert_eq!(causes(&row), Vec::<&str>::new(), "{row}");
}

#[test]
fn other_controls_say_why_they_cannot_tell() {
    let bench = Bench::odd("good");
    Authority::new().issue(bench.path(), "127.0.0.1", 90);
    let server = Server::start(bench.path(), "TLSv1_2");
    let row = row(&bench, &server, "security-headers", None);
    assert_eq!(row["verdict"], "inconclusive", "{row}");
    let why = row["summary"].to_string();
    assert!(why.contains("invalid peer certificate: UnknownIssuer"), "{why}");
}
