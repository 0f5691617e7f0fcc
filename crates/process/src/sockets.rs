//! Which TCP sockets a set of processes holds, from `/proc`.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// One TCP socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    pub local: SocketAddr,
    pub remote: SocketAddr,
    pub listening: bool,
    inode: u64,
}

const LISTEN: &str = "0A";
/// `__SO_ACCEPTCON` and `SOCK_STREAM` in `/proc/net/unix` (proc_net(5)).
const ACCEPTS: &str = "00010000";
const STREAM: &str = "0001";

fn parse_line(line: &str) -> Option<Socket> {
    let fields: Vec<_> = line.split_whitespace().collect();
    Some(Socket {
        local: address(fields.get(1)?)?,
        remote: address(fields.get(2)?)?,
        listening: *fields.get(3)? == LISTEN,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// Addresses stand in hexadecimal, each 32-bit word in the machine's byte order.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        ip.get(at * 8..at * 8 + 8)
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .map(u32::to_ne_bytes)
    };
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for at in 0..4 {
                bytes[at * 4..at * 4 + 4].copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn table() -> Vec<Socket> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|text| text.lines().skip(1).filter_map(parse_line).collect::<Vec<_>>())
        .collect()
}

fn inodes(pid: u32) -> BTreeSet<u64> {
    let Ok(folder) = fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeSet::new() };
    folder
        .filter_map(|entry| {
            let target = fs::read_link(entry.ok()?.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

/// The addresses that these processes listen at.
pub fn listening(pids: &[u32]) -> Vec<SocketAddr> {
    let held: BTreeSet<_> = pids.iter().flat_map(|pid| inodes(*pid)).collect();
    let mut found: Vec<_> = table()
        .into_iter()
        .filter(|socket| socket.listening && held.contains(&socket.inode))
        .map(|socket| socket.local)
        .collect();
    found.sort();
    found.dedup();
    found
}

/// The Unix sockets that these processes listen at, each with the process: paths as they were
/// bound, `@` before those of the abstract namespace.
pub fn listening_on_unix(pids: &[u32]) -> Vec<(u32, String)> {
    let text = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let sockets: Vec<(u64, String)> = text.lines().skip(1).filter_map(parse_unix_line).collect();
    let of = |pid: u32| {
        let held = inodes(pid);
        sockets
            .iter()
            .filter(move |(inode, _)| held.contains(inode))
            .map(move |(_, path)| (pid, path.clone()))
    };
    pids.iter().flat_map(|pid| of(*pid)).collect()
}

/// The inode and path of a stream socket that listens.
fn parse_unix_line(line: &str) -> Option<(u64, String)> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let (flags, kind) = (fields.get(3)?, fields.get(4)?);
    (*flags == ACCEPTS && *kind == STREAM)
        .then(|| Some((fields.get(6)?.parse().ok()?, fields.get(7..)?.join(" "))))?
        .filter(|(_, path)| !path.is_empty())
}

/// Whether any connection of this machine, whosever it is, leads elsewhere: a cheap first look.
fn any_outside(table: &[Socket]) -> bool {
    table.iter().any(is_outside)
}

fn is_outside(socket: &Socket) -> bool {
    !socket.listening
        && !socket.remote.ip().is_loopback()
        && !socket.remote.ip().is_unspecified()
        && socket.remote.ip() != socket.local.ip()
}

/// Whether a connection stays on this machine and yet concerns none of these ports.
fn is_foreign(socket: &Socket, ports: &BTreeSet<u16>) -> bool {
    !socket.listening
        && socket.remote.ip().is_loopback()
        && !ports.contains(&socket.remote.port())
        && !ports.contains(&socket.local.port())
}

/// Connections of these processes to other machines, and to ports of this machine that are neither
/// leased nor their own: the process and where to. `members` is only asked when there is any such
/// connection at all.
pub fn outside(members: impl FnOnce() -> Vec<u32>, leased: &[u16]) -> Vec<(u32, SocketAddr)> {
    let table = table();
    let mut ports: BTreeSet<u16> = leased.iter().copied().collect();
    if !any_outside(&table) && !table.iter().any(|socket| is_foreign(socket, &ports)) {
        return Vec::new();
    }
    let held: Vec<(u32, BTreeSet<u64>)> =
        members().into_iter().map(|pid| (pid, inodes(pid))).collect();
    let own = |socket: &&Socket| held.iter().any(|(_, inodes)| inodes.contains(&socket.inode));
    ports.extend(table.iter().filter(|s| s.listening).filter(own).map(|s| s.local.port()));
    let away: Vec<_> = table.iter().filter(|s| is_outside(s) || is_foreign(s, &ports)).collect();
    held.iter()
        .flat_map(|(pid, inodes)| {
            let its = away.iter().filter(|socket| inodes.contains(&socket.inode));
            its.map(|socket| (*pid, socket.remote)).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_families_parse() {
        assert_eq!(address("0100007F:1F90"), Some("127.0.0.1:8080".parse().expect("literal")));
        let mapped = "0000000000000000FFFF00000100007F:0050";
        assert_eq!(address(mapped), Some("127.0.0.1:80".parse().expect("literal")));
        assert_eq!(address("zz:1"), None);
    }

    #[test]
    fn a_port_that_is_not_leased_is_outside_though_it_is_on_this_machine() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        // Another process listens; this one stands for it while its own listener is not looked at.
        let stream = std::net::TcpStream::connect(address).expect("it listens");
        let socket = table().into_iter().find(|s| s.remote == address).expect("it is connected");
        assert!(is_foreign(&socket, &BTreeSet::new()));
        assert!(!is_foreign(&socket, &BTreeSet::from([address.port()])));
        let me = || vec![std::process::id()];
        let found = outside(me, &[]);
        assert!(!found.iter().any(|(_, to)| *to == address), "its own listener is no stranger");
        drop(stream);
    }

    #[test]
    fn a_unix_listener_of_this_process_is_found() {
        let folder = std::env::temp_dir().join(format!("sockets-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("a b.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).expect("it binds");
        let found = listening_on_unix(&[std::process::id()]);
        assert!(found.iter().any(|(_, at)| *at == path.to_string_lossy()), "{found:?}");
        drop(listener);
        fs::remove_dir_all(&folder).expect("it is removed");
    }

    #[test]
    fn a_listener_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        assert!(listening(&[std::process::id()]).contains(&address));
    }
}
