//! `seaworthy admin`: looks into a running `seaworthy run` of this machine and changes it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::exit::{self, Exit};
use crate::failure::Failure;
use crate::screen;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The operators' socket; the only one of this user by default.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Whether it is ready, what it depends on, its flags.
    Status,
    /// The metrics, as Prometheus reads them.
    Metrics,
    /// Every flag and switch, and who set it.
    Flags,
    /// Stop in order, as on SIGTERM.
    Drain,
    /// Read the configuration anew, as on SIGHUP.
    Reload,
    /// Forget the failed log-ins of an account ([[supply.lockouts]]).
    Unlock { account: String },
    /// Order a new certificate now ([supply.tls.acme]).
    Renew,
    /// Let a token hold no more, by its id (jti); without one, list those that do not.
    Revoke {
        id: Option<String>,
        /// The second since 1970 in which it would expire (exp), when it need not be known any more;
        /// a year from now by default.
        #[arg(long, value_name = "SECONDS")]
        until: Option<u64>,
    },
    /// Turn a flag or a switch on or off, or ("auto") give it back to its file or its start.
    Set {
        name: String,
        #[arg(value_parser = ["on", "off", "auto"])]
        state: String,
        /// Of a hundred callers, so many have it.
        #[arg(long, default_value_t = 100.0)]
        share: f64,
    },
}

/// Where the sockets of this user are.
pub(super) fn folder() -> PathBuf {
    let own =
        std::env::var_os("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("seaworthy"));
    let shared = || {
        let user = rustix::process::getuid().as_raw();
        std::env::temp_dir().join(format!("seaworthy-{user}"))
    };
    own.unwrap_or_else(shared)
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let socket = match &arguments.socket {
        Some(path) => path.clone(),
        None => only_one()?,
    };
    let (method, path, body) = match &arguments.what {
        What::Status => ("GET", "/status".to_owned(), String::new()),
        What::Metrics => ("GET", "/metrics".to_owned(), String::new()),
        What::Flags => ("GET", "/flags".to_owned(), String::new()),
        What::Drain => ("POST", "/drain".to_owned(), String::new()),
        What::Unlock { account } => {
            let body = serde_json::json!({ "account": account }).to_string();
            ("POST", "/unlock".to_owned(), body)
        }
        What::Reload => ("POST", "/reload".to_owned(), String::new()),
        What::Renew => ("POST", "/certificate".to_owned(), String::new()),
        What::Revoke { id: None, .. } => ("GET", "/tokens/revoked".to_owned(), String::new()),
        What::Revoke { id: Some(id), until } => {
            let body = serde_json::json!({ "id": id, "until": until }).to_string();
            ("POST", "/tokens/revoked".to_owned(), body)
        }
        What::Set { name, state, share } => match state.as_str() {
            "auto" => ("DELETE", format!("/flags/{name}"), String::new()),
            state => {
                let body = format!("{{\"on\":{},\"share\":{share}}}", state == "on");
                ("PUT", format!("/flags/{name}"), body)
            }
        },
    };
    let (status, text) = ask(&socket, method, &path, &body).map_err(|error| {
        Failure::usage(format!("cannot speak to {}: {error}", socket.display()))
            .hint("is seaworthy run still there?")
    })?;
    if status >= 400 {
        let body: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let detail = body["detail"].as_str().unwrap_or(&text).to_owned();
        return Err(Failure::usage(detail));
    }
    screen::data(&text);
    Ok(exit::OK)
}

fn only_one() -> Result<PathBuf, Failure> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let sockets: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "sock"))
        .filter(|path| UnixStream::connect(path).is_ok())
        .collect();
    match sockets.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Failure::usage(format!(
            "no seaworthy run of yours has a socket in {}",
            folder.display()
        ))
        .hint("is seaworthy run running? name its socket, if it has another: seaworthy admin --socket PATH")),
        many => {
            let all: Vec<_> = many.iter().map(|path| path.display().to_string()).collect();
            Err(Failure::usage(format!("several run here: {}", all.join(", ")))
                .hint("name one: seaworthy admin --socket PATH"))
        }
    }
}

fn ask(socket: &Path, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: local\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(500);
    Ok((status, body.to_owned()))
}
