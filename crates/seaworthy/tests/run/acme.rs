//! Certificates from an authority: Pebble, which Let's Encrypt wrote for such tests.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::edge::{Edge, Options, free, until};

/// A process that ends with the test.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(command: &mut Command) -> Started {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Started(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
}

/// An authority that knows every name as this machine's.
struct Authority {
    folder: tempfile::TempDir,
    address: SocketAddr,
    config: serde_json::Value,
    names: SocketAddr,
    _names: Started,
    running: Option<Started>,
}

impl Authority {
    /// One that comes back to these ports to see whose a name is.
    fn new(tls: u16, http: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let pair = rcgen::generate_simple_self_signed(vec!["localhost".into()]).expect("made");
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("own.pem"), pair.cert.pem()).expect("written");
        std::fs::write(file("own.key"), pair.signing_key.serialize_pem()).expect("written");
        let (address, management, names) = (free(), free(), free());
        let _names = start(Command::new("pebble-challtestsrv").args([
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-dns01",
            &names.to_string(),
            "-management",
            &free().to_string(),
        ]));
        let config = json!({"pebble": {
            "listenAddress": address.to_string(), "managementListenAddress": management.to_string(),
            "certificate": file("own.pem"), "privateKey": file("own.key"),
            "httpPort": http, "tlsPort": tls, "ocspResponderURL": "",
            "externalAccountBindingRequired": false,
        }});
        Self { folder, address, config, names, _names, running: None }
    }

    fn starts(&mut self) {
        let file = self.folder.path().join("config.json");
        std::fs::write(&file, self.config.to_string()).expect("written");
        let mut command = Command::new("pebble");
        command.arg("-config").arg(file).args(["-strict", "-dnsserver", &self.names.to_string()]);
        command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "5");
        self.running = Some(start(&mut command));
    }

    fn manifest(&self, more: &str) -> String {
        let port = self.address.port();
        let root = self.folder.path().join("own.pem");
        format!(
            "[supply.tls]\n{more}[supply.tls.acme]\ndomains = [\"a.example\", \"b.example\"]\n\
             directory = \"https://localhost:{port}/dir\"\nroot = \"{}\"\n",
            root.display()
        )
    }
}

/// The certificate that a client gets for a name, and the names that it is for.
fn certificate(edge: &Edge, name: &str) -> String {
    let script = format!(
        "openssl s_client -connect {} -servername {name} </dev/null 2>/dev/null \
                          | openssl x509 -noout -serial -ext subjectAltName",
        edge.address
    );
    let output = Command::new("sh").args(["-c", &script]).output().expect("it runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Asks for one until it is there: it would be tried again by itself, a minute later.
fn until_ordered(edge: &Edge) {
    until("it is ordered", || {
        if edge.output().contains("was issued") {
            return true;
        }
        edge.admin(&["renew"]);
        std::thread::sleep(std::time::Duration::from_millis(300));
        false
    });
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

/// Starts an edge where the authority will look for it: what is free is known only then.
fn run(challenge: &str, external: bool) -> (Edge, Authority) {
    let (tls, http) = (free(), free());
    let mut authority = Authority::new(tls.port(), http.port());
    let mut env = Vec::new();
    let mut more = format!("challenge = \"{challenge}\"\n");
    if external {
        let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
        authority.config["pebble"]["externalAccountBindingRequired"] = true.into();
        authority.config["pebble"]["externalAccountMACKeys"] = json!({"kid-1": key});
        env = vec![("EAB_ID", "kid-1".to_owned()), ("EAB_KEY", key.to_owned())];
        more.push_str("external_id = \"EAB_ID\"\nexternal_key = \"EAB_KEY\"\n");
    }
    let manifest = authority.manifest(&format!("redirect = \"{http}\"\n")) + &more;
    let options = Options { manifest, env, at: Some(tls), ..Options::default() };
    (Edge::start(&options), authority)
}

#[test]
fn a_certificate_is_ordered_when_the_authority_is_there_and_renewed_without_a_pause() {
    let (edge, mut authority) = run("tls-alpn-01", false);
    until("it is told", || edge.output().contains("there is none yet: clients cannot connect"));
    assert!(edge.output().contains("cannot be reached"), "{}", edge.output());
    assert!(edge.admin(&["status"]).1.contains("\"certificate_problem\": \"the authority cannot"));
    authority.starts();
    until_ordered(&edge);
    until("it serves", || certificate(&edge, "a.example").contains("DNS:a.example"));
    let first = certificate(&edge, "b.example");
    assert!(first.contains("DNS:b.example"), "{first}");
    for name in ["acme/a.example.pem", "acme"] {
        assert_eq!(mode(&edge.path(name)) & 0o077, 0, "{name}");
    }
    let accounts = || {
        let all = std::fs::read_dir(edge.path("acme")).expect("a folder").flatten();
        all.filter(|file| file.file_name().to_string_lossy().starts_with("account-")).count()
    };
    assert_eq!(accounts(), 1);
    assert!(edge.admin(&["status"]).1.contains("\"certificate_problem\": null"));
    edge.admin(&["renew"]);
    until("another one serves", || {
        let told = edge.output();
        assert!(!told.contains("the old one serves"), "{told}");
        let now = certificate(&edge, "b.example");
        now.contains("DNS:b.example") && now != first
    });
    assert_eq!(accounts(), 1, "the account is the same");
    // Without the authority the old one serves, and the problem stands.
    authority.running = None;
    edge.admin(&["renew"]);
    until("it is told", || edge.output().contains("the old one serves; trying again in"));
    assert!(certificate(&edge, "a.example").contains("DNS:a.example"));
    assert!(!edge.admin(&["status"]).1.contains("\"certificate_problem\": null"));
}

#[test]
fn a_text_at_the_plain_address_and_an_account_that_is_known_will_do_too() {
    let (edge, mut authority) = run("http-01", true);
    authority.starts();
    until_ordered(&edge);
    until("it serves", || certificate(&edge, "a.example").contains("DNS:b.example"));
}
