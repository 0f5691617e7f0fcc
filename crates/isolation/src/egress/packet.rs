//! IPv4 packets that want out, and the packets that refuse them at once.

use std::net::Ipv4Addr;

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const DNS: u16 = 53;

const SYN: u8 = 0x02;
const RST_ACK: u8 = 0x14;

/// The first packet of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    whole: &'a [u8],
    /// What follows the IP header.
    inner: &'a [u8],
    protocol: u8,
    pub(super) from: Ipv4Addr,
    pub(super) from_port: u16,
    pub(super) to: Ipv4Addr,
    pub(super) to_port: u16,
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

/// Reads a packet that begins something: a TCP connection or a datagram. Nothing else.
pub(super) fn read(packet: &[u8]) -> Option<Asked<'_>> {
    let first = *packet.first()?;
    if first >> 4 != 4 {
        return None;
    }
    let protocol = *packet.get(9)?;
    let inner = packet.get(usize::from(first & 0x0f) * 4..)?;
    let begins = match protocol {
        TCP => *inner.get(13)? & 0x17 == SYN,
        UDP => true,
        _ => false,
    };
    if !begins {
        return None;
    }
    Some(Asked {
        whole: packet,
        inner,
        protocol,
        from: address(packet, 12)?,
        from_port: word(inner, 0)?,
        to: address(packet, 16)?,
        to_port: word(inner, 2)?,
    })
}

impl Asked<'_> {
    /// Table of `/proc/net` and local port by which its socket is found.
    pub(super) fn socket(&self) -> (&'static str, u16) {
        (if self.protocol == TCP { "tcp" } else { "udp" }, self.from_port)
    }

    /// The name that is asked for, where this is a question to a name server (RFC 1035, 4.1).
    pub(super) fn name(&self) -> Option<String> {
        if self.protocol != UDP || self.to_port != DNS {
            return None;
        }
        let mut rest = self.inner.get(8 + 12..)?;
        let mut labels = Vec::new();
        loop {
            let length = usize::from(*rest.first()?);
            if length == 0 {
                break;
            }
            let label = rest.get(1..=length)?;
            labels.push(String::from_utf8_lossy(label).into_owned());
            rest = &rest[1 + length..];
        }
        (!labels.is_empty()).then(|| labels.join("."))
    }

    /// The packet that ends it.
    pub(super) fn refusal(&self) -> Option<Vec<u8>> {
        match self.protocol {
            TCP => Some(self.reset()),
            UDP if self.name().is_some() => self.no_such_name(),
            UDP => Some(self.unreachable()),
            _ => None,
        }
    }

    /// RST to a SYN (RFC 9293, 3.10.7.1).
    fn reset(&self) -> Vec<u8> {
        let sequence = self.inner.get(4..8).and_then(|bytes| bytes.try_into().ok());
        let next = u32::from_be_bytes(sequence.unwrap_or_default()).wrapping_add(1);
        let mut tcp = Vec::with_capacity(20);
        tcp.extend(self.to_port.to_be_bytes());
        tcp.extend(self.from_port.to_be_bytes());
        tcp.extend([0; 4]);
        tcp.extend(next.to_be_bytes());
        tcp.extend([0x50, RST_ACK, 0, 0, 0, 0, 0, 0]);
        let sum = self.checksum(TCP, &tcp);
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        self.back(TCP, &tcp)
    }

    /// The question again, with the answer that there is no such name (RFC 1035, 4.1.1).
    fn no_such_name(&self) -> Option<Vec<u8>> {
        let mut message = self.inner.get(8..)?.to_vec();
        // An answer; recursion is available; code 3.
        *message.get_mut(2)? |= 0x80;
        *message.get_mut(3)? = 0x83;
        // Additional records such as EDNS are not repeated, but they may stay.
        let mut udp = Vec::with_capacity(8 + message.len());
        udp.extend(self.to_port.to_be_bytes());
        udp.extend(self.from_port.to_be_bytes());
        udp.extend(u16::try_from(8 + message.len()).ok()?.to_be_bytes());
        udp.extend([0, 0]);
        udp.extend(message);
        let sum = self.checksum(UDP, &udp);
        udp[6..8].copy_from_slice(&sum.to_be_bytes());
        Some(self.back(UDP, &udp))
    }

    /// ICMP: the port cannot be reached (RFC 792).
    fn unreachable(&self) -> Vec<u8> {
        let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0];
        let header = self.whole.len() - self.inner.len();
        icmp.extend(&self.whole[..(header + 8).min(self.whole.len())]);
        let sum = folded(sum(&icmp));
        icmp[2..4].copy_from_slice(&sum.to_be_bytes());
        self.back(ICMP, &icmp)
    }

    /// A packet from the other end.
    fn back(&self, protocol: u8, inner: &[u8]) -> Vec<u8> {
        let length = u16::try_from(20 + inner.len()).unwrap_or(u16::MAX);
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, protocol, 0, 0]);
        packet.extend(self.to.octets());
        packet.extend(self.from.octets());
        let sum = folded(sum(&packet));
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(inner);
        packet
    }

    /// Of TCP and UDP, with the pseudo header.
    fn checksum(&self, protocol: u8, inner: &[u8]) -> u16 {
        let mut pseudo = Vec::from(self.to.octets());
        pseudo.extend(self.from.octets());
        pseudo.extend([0, protocol]);
        pseudo.extend(u16::try_from(inner.len()).unwrap_or(u16::MAX).to_be_bytes());
        folded(sum(&pseudo) + sum(inner))
    }
}

fn sum(bytes: &[u8]) -> u64 {
    let pairs = bytes.chunks(2);
    pairs.map(|pair| u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u64::from(*low))).sum()
}

/// The Internet checksum (RFC 1071).
fn folded(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(protocol: u8, inner: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
        packet.extend([192, 0, 2, 1, 203, 0, 113, 80]);
        packet.extend(inner);
        packet
    }

    #[test]
    fn a_connection_is_reset() {
        let syn = [0x9c, 0x40, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, SYN, 0, 0, 0, 0, 0, 0];
        let packet = ip(TCP, &syn);
        let asked = read(&packet).expect("it begins a connection");
        assert_eq!(asked.socket(), ("tcp", 40_000));
        assert_eq!((asked.to, asked.to_port), (Ipv4Addr::new(203, 0, 113, 80), 80));
        let refusal = asked.refusal().expect("it is refused");
        assert_eq!(&refusal[12..16], [203, 0, 113, 80]);
        assert_eq!(refusal[33], RST_ACK);
        assert_eq!(&refusal[28..32], 10_u32.to_be_bytes());
        assert_eq!(folded(sum(&refusal[..20])), 0, "the header's checksum holds");
    }

    #[test]
    fn a_name_does_not_exist() {
        let mut udp = vec![0x9c, 0x40, 0, 53, 0, 0, 0, 0];
        udp.extend([0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        udp.extend(b"\x08registry\x05npmjs\x03org\x00\x00\x01\x00\x01");
        let packet = ip(UDP, &udp);
        let asked = read(&packet).expect("it is a datagram");
        assert_eq!(asked.name().as_deref(), Some("registry.npmjs.org"));
        let refusal = asked.refusal().expect("it is refused");
        let message = &refusal[28..];
        assert_eq!(&message[..2], [0xab, 0xcd]);
        assert_eq!(message[2] & 0x80, 0x80);
        assert_eq!(message[3] & 0x0f, 3);
    }

    #[test]
    fn anything_else_is_let_fall() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&[0x60; 40]), None);
        let ack = [0, 1, 0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0];
        assert_eq!(read(&ip(TCP, &ack)), None);
        for length in 0..60 {
            let mut packet = ip(UDP, b"\x00\x01\x00\x35\x00\x00\x00\x00\xab\xcd\x01\x00");
            packet.truncate(length);
            if let Some(asked) = read(&packet) {
                let _ = (asked.name(), asked.refusal());
            }
        }
    }
}
