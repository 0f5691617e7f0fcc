//! Public addresses: taken before the service starts, so that a conflict is found at once, and
//! opened when it is ready.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::config::Problem;
use crate::handover::Taken;

/// An address that is ours, and at which nobody is answered yet.
#[derive(Debug)]
pub(crate) struct Reserved {
    socket: OwnedFd,
}

/// How many connections may wait to be taken.
const BACKLOG: i32 = 4096;

impl Reserved {
    /// Takes an address.
    ///
    /// # Errors
    /// When somebody else has it, or it is not this machine's.
    fn take(address: SocketAddr) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        Ok(Self { socket })
    }

    /// Opens it.
    ///
    /// # Errors
    /// When somebody else opened it meanwhile.
    pub(crate) fn open(self) -> io::Result<std::net::TcpListener> {
        rustix::net::listen(&self.socket, BACKLOG)?;
        Ok(self.socket.into())
    }
}

/// A port of this machine that is free now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Listeners that somebody else has opened: systemd, or another seaworthy.
#[derive(Debug, Default)]
pub(crate) struct Given {
    systemd: Vec<(SocketAddr, OwnedFd)>,
    pub(crate) taken: Option<Taken>,
}

impl Given {
    /// Those of systemd (`LISTEN_FDS`; sd_listen_fds(3)), and of the one whose place is taken.
    pub(crate) fn now(taken: Option<Taken>) -> Self {
        let mut all = listenfd::ListenFd::from_env();
        let listeners = (0..all.len()).filter_map(|at| all.take_tcp_listener(at).ok().flatten());
        let systemd = listeners.filter_map(|one| {
            // They are ours, and not the service's.
            rustix::io::fcntl_setfd(&one, rustix::io::FdFlags::CLOEXEC).ok()?;
            Some((one.local_addr().ok()?, one.into()))
        });
        Self { systemd: systemd.collect(), taken }
    }

    fn at(&mut self, address: SocketAddr) -> Option<OwnedFd> {
        if let Some(at) = self.systemd.iter().position(|(own, _)| *own == address) {
            return Some(self.systemd.swap_remove(at).1);
        }
        self.taken.as_mut()?.listener(address)
    }

    /// An address, as it is given, or taken for the first time.
    ///
    /// # Errors
    /// Why it cannot be had, and what to do.
    pub(crate) fn reserve(&mut self, address: SocketAddr) -> Result<Reserved, Problem> {
        match self.at(address) {
            Some(socket) => Ok(Reserved { socket }),
            None => Reserved::take(address).map_err(|error| refused(address, &error)),
        }
    }
}

/// Why an address cannot be listened at, and what to do.
fn refused(public: SocketAddr, error: &std::io::Error) -> Problem {
    use std::io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let port = public.port();
    let help = match error.kind() {
        AddrInUse => format!(
            "; somebody else listens there: end it (ss -ltnp 'sport = :{port}' shows it) or give another --listen"
        ),
        AddrNotAvailable => format!(
            "; this machine does not have it: listen at {port} for this machine alone or at 0.0.0.0:{port} for all"
        ),
        PermissionDenied if port < 1024 => {
            "; ports below 1024 need root or CAP_NET_BIND_SERVICE: give another --listen".to_owned()
        }
        _ => String::new(),
    };
    format!("cannot listen on {public}: {error}{help}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_address_is_refused_and_a_reserved_one_answers_nobody() {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port().expect("a free port")));
        let reserved = Reserved::take(address).expect("it is free");
        assert!(std::net::TcpStream::connect(address).is_err());
        let listener = reserved.open().expect("it is ours");
        assert!(std::net::TcpStream::connect(address).is_ok());
        assert!(Reserved::take(address).is_err());
        drop(listener);
    }
}
