//! One fixture type: a temporary folder with a manifest, and runs of the binary on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A service in Python that misbehaves as its first argument says.
const ODD: &str = include_str!("odd.py");

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("odd.py"), ODD).expect("written");
        Self { folder }
    }

    /// A manifest for the odd service in this mode, with quick limits.
    pub(crate) fn odd(mode: &str) -> Self {
        let bench = Self::new();
        bench.manifest(&format!(
            "[service]\nname = \"odd\"\nstart = \"python3 odd.py {mode} {{port}}\"\n\
             ready = \"/ready\"\npatience = \"2400ms\"\n\
             [controls.startup]\nwithin = \"2300ms\"\nsettle = \"100ms\"\n"
        ));
        bench
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn manifest(&self, text: &str) {
        self.file("seaworthy.toml", text.as_bytes());
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) {
        fs::write(self.path().join(name), content).expect("written");
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_seaworthy"));
        command.args(words).current_dir(self.path()).env("NO_COLOR", "1").env_remove("CI");
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        let output = self.command(words).output().expect("the binary runs");
        let text = |bytes| String::from_utf8(bytes).expect("it writes UTF-8");
        let ran = Ran {
            code: output.status.code().expect("it exits by itself"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
        ran
    }

    pub(crate) fn start(&self, words: &[&str]) -> Child {
        let mut command = self.command(words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
    }

    /// The process ids of everything that was started from this folder's scripts.
    pub(crate) fn left(&self) -> Vec<u32> {
        let mark = self.path().to_string_lossy().into_owned();
        processes().filter(|pid| works_for(*pid, &mark)).collect()
    }

    pub(crate) fn wait_until_nothing_is_left(&self) {
        wait_for(|| self.left().is_empty(), "everything that was started to end");
    }
}

fn processes() -> impl Iterator<Item = u32> {
    let folder = fs::read_dir("/proc").expect("Linux");
    folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Whether a process was told the folder: the service's tests pass it in a variable.
fn works_for(pid: u32, mark: &str) -> bool {
    let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let needle = format!("ODD_FOLDER={mark}");
    environ.split(|byte| *byte == 0).any(|entry| entry == needle.as_bytes())
}

pub(crate) fn wait_for(condition: impl Fn() -> bool, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The folders of runs that have not ended, of this user.
pub(crate) fn run_folders() -> Vec<PathBuf> {
    let base = process::records::base().expect("it can be made");
    let entries = fs::read_dir(base).expect("it can be read");
    entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.join("record").exists())
        .collect()
}
