//! Whether a service answers on a Unix socket instead of a TCP port.

use std::path::PathBuf;
use std::time::Duration;

use process::sockets;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const WITHIN: Duration = Duration::from_secs(1);

/// The first Unix socket of these processes that answers HTTP. Others, such as those of a debugger
/// or a process manager, are none of the service's.
pub(crate) async fn served_by(pids: &[u32]) -> Option<String> {
    for (pid, path) in sockets::listening_on_unix(pids) {
        if !path.starts_with('@') && answers_http(&from_outside(pid, &path)).await {
            return Some(path);
        }
    }
    None
}

/// The path as it is reached from here: the process may have mounts of its own.
fn from_outside(pid: u32, path: &str) -> PathBuf {
    let process = PathBuf::from(format!("/proc/{pid}"));
    match path.strip_prefix('/') {
        Some(rest) => process.join("root").join(rest),
        None => process.join("cwd").join(path),
    }
}

async fn answers_http(path: &std::path::Path) -> bool {
    let asking = async {
        let mut stream = UnixStream::connect(path).await.ok()?;
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.ok()?;
        let mut start = [0; 5];
        stream.read_exact(&mut start).await.ok()?;
        (&start == b"HTTP/").then_some(())
    };
    matches!(tokio::time::timeout(WITHIN, asking).await, Ok(Some(())))
}
