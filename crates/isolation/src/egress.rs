//! The only way out of the network namespace, which leads nowhere: every packet arrives here, is
//! told whose it was, and is refused at once.
//!
//! A tunnel device takes the default route (tun(4)). A name that is looked up does not exist, a
//! TCP connection is reset, a datagram is unreachable: a service learns of it in microseconds
//! instead of waiting for a time-out. Where no tunnel device can be made, there is no route at all
//! and nobody is told who tried.

mod netlink;
mod packet;
mod tunnel;
mod whose;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::mounts;
use packet::Asked;

pub(crate) use netlink::loopback;

/// This end of the tunnel and the name server behind it, of a range kept for documentation
/// (RFC 5737).
const OWN: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// So many attempts are remembered, so that each is looked up once.
const RECENT: usize = 64;
const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);

/// Somebody tried to reach something outside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// A host's name where one was looked up, otherwise `address:port`.
    pub target: String,
    /// The name of the process; empty when it was gone before it could be seen.
    pub process: String,
    /// Its command line.
    pub command: String,
    /// Whose it was: the mark in its environment.
    pub mark: String,
}

/// The thread that refuses, and what it has seen.
#[derive(Debug)]
pub(crate) struct Egress {
    /// Attempts, and how often each was made.
    seen: Arc<Mutex<BTreeMap<Attempt, u32>>>,
}

impl Egress {
    /// Makes the tunnel and begins to refuse. `None` where no tunnel can be had: then there is no
    /// way out either.
    pub(crate) fn open(run: &Path) -> Option<Self> {
        let (device, index) = tunnel::open().ok()?;
        netlink::default_route(index, OWN).ok()?;
        // Without it, names are asked for at a server that does not answer.
        let _ = use_name_server(run);
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let told = Arc::clone(&seen);
        std::thread::Builder::new()
            .name("egress".to_owned())
            .spawn(move || refuse_all(device, &told))
            .ok()?;
        Some(Self { seen })
    }

    /// What the processes with this mark have tried; each attempt is handed out once.
    pub(crate) fn take(&self, mark: &str) -> Vec<Attempt> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let taken: Vec<_> = seen.keys().filter(|attempt| attempt.mark == mark).cloned().collect();
        for attempt in &taken {
            seen.remove(attempt);
        }
        taken
    }
}

/// Shows a resolver configuration that names the tunnel's server. The real one often names a
/// resolver on loopback, which nobody answers here.
fn use_name_server(run: &Path) -> io::Result<()> {
    let file = run.join("resolv.conf");
    std::fs::write(&file, format!("nameserver {NAME_SERVER}\noptions attempts:1 timeout:2\n"))?;
    mounts::bind(&file, &Path::new("/etc/resolv.conf").canonicalize()?)
}

fn refuse_all(mut device: File, seen: &Mutex<BTreeMap<Attempt, u32>>) {
    let mut buffer = vec![0; 64 * 1024];
    let mut recent: Vec<((&'static str, u16), String)> = Vec::new();
    while let Ok(length @ 1..) = device.read(&mut buffer) {
        let Some(asked) = packet::read(&buffer[..length]) else { continue };
        // A process that sends many packets from one socket is looked for once.
        let known = asked.target().filter(|target| {
            recent.truncate(RECENT);
            let key = (asked.socket(), target.clone());
            let is_new = !recent.contains(&key);
            if is_new {
                recent.insert(0, key);
            }
            is_new
        });
        if let Some(target) = known {
            let attempt = whose::attempt(target, asked.socket());
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            *seen.entry(attempt).or_default() += 1;
        }
        // A tunnel that takes no answer is going away.
        if let Some(refusal) = asked.refusal() {
            let _ = device.write_all(&refusal);
        }
    }
}

impl Asked<'_> {
    /// What a person would call the other end. Nothing for what is not worth telling: multicast.
    fn target(&self) -> Option<String> {
        if self.to.is_multicast() || self.to.is_broadcast() {
            return None;
        }
        match self.name() {
            Some(name) => Some(name),
            // The name server itself is ours.
            None if self.to == NAME_SERVER => None,
            None => Some(format!("{}:{}", self.to, self.to_port)),
        }
    }
}
