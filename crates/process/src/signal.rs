//! Sending one signal to one process.

use rustix::process::{Pid, Signal, kill_process};

/// The signals that seaworthy sends, by their names.
fn by_name(name: &str) -> Option<Signal> {
    Some(match name {
        "SIGTERM" => Signal::TERM,
        "SIGINT" => Signal::INT,
        "SIGQUIT" => Signal::QUIT,
        "SIGHUP" => Signal::HUP,
        "SIGUSR1" => Signal::USR1,
        "SIGUSR2" => Signal::USR2,
        "SIGWINCH" => Signal::WINCH,
        "SIGKILL" => Signal::KILL,
        "SIGSTOP" => Signal::STOP,
        "SIGCONT" => Signal::CONT,
        _ => return None,
    })
}

/// The number of a signal that is known by this name.
pub fn number(name: &str) -> Option<i32> {
    by_name(name).map(Signal::as_raw)
}

/// Sends a signal to exactly one process, never to its group: a wrapper that does not pass it on
/// must be seen.
///
/// # Errors
/// When the process is gone, may not be signalled, or the name is unknown.
pub fn send(pid: u32, name: &str) -> std::io::Result<()> {
    let unknown = || std::io::Error::new(std::io::ErrorKind::InvalidInput, "unknown signal");
    let signal = by_name(name).ok_or_else(unknown)?;
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(unknown)?;
    Ok(kill_process(pid, signal)?)
}
