//! Starting `seaworthy run` before a service, and speaking to it byte by byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A run that ends with the test.
pub(crate) struct Edge {
    child: Child,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
}

/// How it is started.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) manifest: String,
    pub(crate) supply: &'static str,
    pub(crate) env: Vec<(&'static str, String)>,
    /// Words before the service's command.
    pub(crate) wrapper: Vec<&'static str>,
    /// A variable that need not be text.
    pub(crate) odd: Option<(&'static str, std::ffi::OsString)>,
    /// Nobody reads what it writes to stdout.
    pub(crate) unread: bool,
    /// Where it listens; at a free address otherwise.
    pub(crate) at: Option<SocketAddr>,
    /// The soft and the hard limit of open files.
    pub(crate) files: Option<(u32, u32)>,
}

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn service() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/run/service.py")
}

/// An address that nobody has: below the ports that the system gives to those who ask for any, or
/// the service of another test might be given it in between.
pub(crate) fn free() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number =
            std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 10_000 + u16::try_from(number % 20_000).expect("it is small");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Asks until the answer is yes.
pub(crate) fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "waited in vain for: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Edge {
    /// Starts it and waits until its port is open.
    pub(crate) fn start(options: &Options) -> Self {
        let mut edge = Self::begin(options);
        until("the port opens", || {
            assert_eq!(edge.child.try_wait().expect("ours"), None, "{}", edge.output());
            TcpStream::connect(edge.address).is_ok()
        });
        edge
    }

    /// Starts it.
    pub(crate) fn begin(options: &Options) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = options.at.unwrap_or_else(free);
        let own = "[service]\nname = \"odd\"\nstart = \"it\"\nport = { env = \"PORT\" }\n";
        let text = format!("{own}{}", options.manifest);
        std::fs::write(folder.path().join("seaworthy.toml"), text).expect("written");
        let file = |name: &str| std::fs::File::create(folder.path().join(name)).expect("a file");
        let mut command = match options.files {
            None => Command::new(env!("CARGO_BIN_EXE_seaworthy")),
            Some((soft, hard)) => {
                let mut shell = Command::new("sh");
                let limits = format!("ulimit -Sn {soft} && ulimit -Hn {hard} && exec \"$@\"");
                shell.args(["-c", &limits, "sh", env!("CARGO_BIN_EXE_seaworthy")]);
                shell
            }
        };
        command.args(["run", "--listen", &address.to_string(), "--admin"]);
        command.arg(folder.path().join("admin.sock"));
        if !options.supply.is_empty() {
            command.args(["--supply", options.supply]);
        }
        command.arg("--").args(&options.wrapper);
        let child = command
            .arg("python3")
            .arg(service())
            .current_dir(folder.path())
            .envs(options.env.iter().map(|(name, value)| (name, value)))
            .envs(options.odd.clone())
            .stdin(Stdio::null())
            .stdout(if options.unread { Stdio::piped() } else { file("out").into() })
            .stderr(file("err"))
            .spawn()
            .expect("seaworthy starts");
        Self { child, address, folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything that it wrote.
    pub(crate) fn output(&self) -> String {
        let read = |name: &str| std::fs::read(self.path(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("out"), read("err")].concat()).into_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        process::signal::send(self.pid(), name).expect("it lives");
    }

    /// Waits for its end: the code.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let mut status = None;
        until("it ends", || {
            status = self.child.try_wait().expect("ours");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }

    /// Sends bytes on a new connection and reads everything until the other side closes or is
    /// silent for a while.
    pub(crate) fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // A refusal may come, and the connection close, before all is sent.
        let _ = stream.write_all(bytes);
        read_all(&mut stream)
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        stream
    }

    /// One request: status, head and body.
    pub(crate) fn ask(&self, request: &str) -> (u16, String, String) {
        let (line, rest) = request.split_once('\n').unwrap_or((request, ""));
        let headers: String = rest.lines().map(|line| format!("{line}\r\n")).collect();
        let text = format!("{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
        split(&self.raw(text.as_bytes()))
    }

    /// `seaworthy admin` with these words: its code, and what it said.
    pub(crate) fn admin(&self, words: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
        command.args(["admin", "--socket"]).arg(self.path("admin.sock")).args(words);
        let output = command.output().expect("seaworthy runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&text).into_owned())
    }

    /// The requests that reached the service.
    pub(crate) fn seen(&self) -> String {
        self.ask("GET /seen").2
    }
}

pub(crate) fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

pub(crate) fn split(answer: &str) -> (u16, String, String) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, head.to_ascii_lowercase(), body.to_owned())
}

impl Drop for Edge {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.signal("SIGTERM");
            self.signal("SIGTERM");
            let _ = self.child.wait();
        }
    }
}
