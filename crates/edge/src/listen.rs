//! Public addresses: taken before the service starts, so that a conflict is found at once, and
//! opened when it is ready.

use std::io;
use std::net::SocketAddr;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::config::{Address, Problem};

/// An address that is ours, and at which nobody is answered yet.
#[derive(Debug)]
pub(crate) struct Reserved {
    socket: std::os::fd::OwnedFd,
}

/// How many connections may wait to be taken.
const BACKLOG: i32 = 4096;

impl Reserved {
    /// Takes an address.
    ///
    /// # Errors
    /// When somebody else has it, or it is not this machine's.
    pub(crate) fn take(address: SocketAddr) -> io::Result<Self> {
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

/// Takes the ports of all public addresses.
///
/// # Errors
/// Which cannot be had, and what to do.
pub(crate) fn reserve(addresses: &[Address]) -> Result<Vec<Reserved>, Problem> {
    let take = |address: &Address| {
        let public = address.public;
        Reserved::take(public).map_err(|error| refused(public, &error))
    };
    addresses.iter().map(take).collect()
}

/// Why an address cannot be listened at, and what to do.
pub(crate) fn refused(public: SocketAddr, error: &std::io::Error) -> Problem {
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
