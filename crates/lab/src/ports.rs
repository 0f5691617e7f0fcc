//! Free ports that stay ours.
//!
//! They lie below the ephemeral range: a port in it may be taken as some client's source port
//! while its listener is away, and "it never recovered" would be the proxy's fault.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::error::LabError;

/// A port that no other run of this user takes while this lives.
#[derive(Debug)]
pub struct Lease {
    pub port: u16,
    _lock: File,
}

const LOWEST: u16 = 15_000;

fn highest() -> u16 {
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_whitespace().next().and_then(|word| word.parse::<u16>().ok());
    first.unwrap_or(32_768).clamp(LOWEST + 1000, 32_768) - 1
}

/// Leases any free port.
///
/// # Errors
/// When none is free.
pub fn lease(base: &Path) -> Result<Lease, LabError> {
    let (from, to) = (LOWEST, highest());
    for _ in 0..2000 {
        let port = fastrand::u16(from..=to);
        if let Some(lease) = try_lease(base, port)? {
            return Ok(lease);
        }
    }
    Err(LabError::NoPort { from, to })
}

/// Leases this very port.
///
/// # Errors
/// When someone else uses it.
pub fn lease_fixed(base: &Path, port: u16) -> Result<Lease, LabError> {
    try_lease(base, port)?.ok_or(LabError::PortTaken(port))
}

fn try_lease(base: &Path, port: u16) -> Result<Option<Lease>, LabError> {
    let folder = base.join(process::records::PORTS);
    fs::create_dir_all(&folder).map_err(LabError::file("make", &folder))?;
    let path = folder.join(port.to_string());
    let lock = File::create(&path).map_err(LabError::file("write", &path))?;
    let free = lock.try_lock().is_ok() && TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok();
    Ok(free.then_some(Lease { port, _lock: lock }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leased_port_is_not_leased_again_until_it_is_given_back() {
        let base = tempfile::tempdir().expect("a folder");
        let lease = lease(base.path()).expect("a port is free");
        assert!(lease.port < 32_768);
        let port = lease.port;
        assert!(matches!(lease_fixed(base.path(), port), Err(LabError::PortTaken(_))));
        drop(lease);
        assert!(lease_fixed(base.path(), port).is_ok());
    }

    #[test]
    fn a_port_that_someone_listens_at_is_taken() {
        let base = tempfile::tempdir().expect("a folder");
        let port = lease(base.path()).expect("a port is free").port;
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("it was free");
        assert!(matches!(lease_fixed(base.path(), port), Err(LabError::PortTaken(_))));
        drop(listener);
    }
}
