//! Network interfaces and routes, by rtnetlink(7) messages.

use std::io;
use std::net::Ipv4Addr;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto};

const NEW_LINK: u16 = 16;
const NEW_ADDRESS: u16 = 20;
const NEW_ROUTE: u16 = 24;
const REQUEST_ACK: u16 = 0x1 | 0x4;
const CREATE: u16 = 0x400;
const ERROR: u16 = 2;
const IS_UP: u32 = 1;
const INET: u8 = 2;
/// The loopback interface of a network namespace is always its first.
const LOOPBACK: u32 = 1;

/// Brings up the loopback interface.
pub(crate) fn loopback() -> io::Result<()> {
    up(LOOPBACK)
}

/// Gives an interface an address, brings it up and makes it the way to everywhere.
pub(super) fn default_route(index: u32, own: Ipv4Addr) -> io::Result<()> {
    let mut address = vec![INET, 32, 0, 0];
    address.extend(index.to_ne_bytes());
    for attribute in [1_u16, 2] {
        add_attribute(&mut address, attribute, &own.octets());
    }
    send(NEW_ADDRESS, CREATE, &address)?;
    up(index)?;
    // Family, two prefix lengths, type of service, table main, protocol boot, scope link, unicast.
    let mut route = vec![INET, 0, 0, 0, 254, 3, 253, 1];
    route.extend(0_u32.to_ne_bytes());
    add_attribute(&mut route, 4, &index.to_ne_bytes());
    send(NEW_ROUTE, CREATE, &route)
}

fn up(index: u32) -> io::Result<()> {
    let mut link = vec![0, 0, 0, 0];
    for word in [index, IS_UP, IS_UP] {
        link.extend(word.to_ne_bytes());
    }
    send(NEW_LINK, 0, &link)
}

fn add_attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    message.extend(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(value);
}

/// Sends a request and waits for its acknowledgement.
fn send(kind: u16, flags: u16, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len() + 16).unwrap_or(u32::MAX);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend((REQUEST_ACK | flags).to_ne_bytes());
    message.extend([0; 8]);
    message.extend(payload);
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0_u8; 4096];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    let word = |at: usize| -> Option<[u8; 4]> { answer[..length].get(at..at + 4)?.try_into().ok() };
    let is_error = answer[..length].get(4..6) == Some(&ERROR.to_ne_bytes());
    match word(16).map(i32::from_ne_bytes) {
        Some(0) if is_error => Ok(()),
        Some(code) if is_error => Err(io::Error::from_raw_os_error(-code)),
        _ => Err(io::Error::other("the kernel did not acknowledge a network request")),
    }
}
