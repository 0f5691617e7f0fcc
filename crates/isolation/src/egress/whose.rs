//! Whose a socket is, from `/proc`, while it waits for an answer.

use std::fs;

use crate::egress::Attempt;

/// An attempt with what can be seen of who made it.
pub(super) fn attempt(target: String, (table, port): (&str, u16)) -> Attempt {
    let unknown =
        Attempt { target, process: String::new(), command: String::new(), mark: String::new() };
    let Some(pid) = inode(table, port).and_then(holder) else { return unknown };
    let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let command = read("cmdline");
    let words: Vec<_> = command.split(|byte| *byte == 0).map(text).collect();
    Attempt {
        process: text(&read("comm")),
        command: words.join(" ").trim().to_owned(),
        mark: process::tree::variable(pid, process::tree::MARK).unwrap_or_default(),
        ..unknown
    }
}

/// The inode of the socket with this local port.
fn inode(table: &str, port: u16) -> Option<u64> {
    let files = [format!("/proc/net/{table}"), format!("/proc/net/{table}6")];
    let lines = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    lines
        .flat_map(|text| text.lines().filter_map(|line| line_of(line, port)).collect::<Vec<_>>())
        .next()
}

fn line_of(line: &str, port: u16) -> Option<u64> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let (_, local) = fields.get(1)?.split_once(':')?;
    let is_it = u16::from_str_radix(local, 16).ok()? == port;
    // A zero stands for a socket whose process has let go of it.
    fields.get(9)?.parse().ok().filter(|inode| is_it && *inode != 0)
}

/// The process that holds a socket.
fn holder(inode: u64) -> Option<u32> {
    let wanted = format!("socket:[{inode}]");
    let holds = |pid: &u32| {
        let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
        let mut links = descriptors.flatten().filter_map(|one| fs::read_link(one.path()).ok());
        links.any(|link| link.as_os_str() == wanted.as_str())
    };
    let pids = fs::read_dir("/proc").ok()?.flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_this_process_is_found() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("it is bound").port();
        let found = attempt("a".to_owned(), ("udp", port));
        assert!(found.command.contains("isolation"), "{found:?}");
    }
}
