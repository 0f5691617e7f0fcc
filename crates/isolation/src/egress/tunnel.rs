//! A tunnel device: what is routed to it is read as packets (tun(4)).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;

use rustix::ioctl::{Updater, ioctl, opcode};
use rustix::net::{AddressFamily, SocketFlags, SocketType, netdevice};

/// `TUNSETIFF`.
const SET_INTERFACE: rustix::ioctl::Opcode = opcode::write::<std::ffi::c_int>(b'T', 202);
/// IP packets, without anything in front of them.
const TUN_WITHOUT_INFO: u16 = 0x1 | 0x1000;
/// `struct ifreq`: a name of 16 bytes, then the flags.
const REQUEST: usize = 40;

/// Makes a device in this network namespace. Returns it with its index.
pub(super) fn open() -> io::Result<(File, u32)> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    let mut request = [0_u8; REQUEST];
    request[16..18].copy_from_slice(&TUN_WITHOUT_INFO.to_ne_bytes());
    #[expect(unsafe_code, reason = "rustix has no safe wrapper for TUNSETIFF")]
    // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, which is 40 bytes long.
    unsafe {
        ioctl(device.as_fd(), Updater::<SET_INTERFACE, [u8; REQUEST]>::new(&mut request))?;
    }
    let name = request[..16].split(|byte| *byte == 0).next().unwrap_or_default();
    let name = std::str::from_utf8(name).map_err(io::Error::other)?;
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
    let index = netdevice::name_to_index(&socket, name)?;
    Ok((device, index))
}
