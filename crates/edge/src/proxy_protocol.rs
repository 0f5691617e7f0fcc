//! Who a client is, as a balancer before us says it at the beginning of a connection (the PROXY
//! protocol, versions 1 and 2; haproxy's doc/proxy-protocol.txt). Only of balancers that are trusted:
//! anybody else could say anything.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// What stands before version 2.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line of version 1, and the longest rest of version 2 that is read.
const LONGEST_LINE: usize = 107;
const LONGEST_REST: usize = 2048;

/// Reads what a balancer says of its client. `None` where it says nothing, or nothing that can be
/// read: then nobody knows who asks, and the connection is closed.
pub(crate) async fn read(
    stream: &mut TcpStream,
    balancer: SocketAddr,
    within: Duration,
) -> Option<SocketAddr> {
    let reading = async {
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.ok()?;
        if first == SIGNATURE {
            let mut head = [0; 4];
            stream.read_exact(&mut head).await.ok()?;
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            if length > LONGEST_REST {
                return None;
            }
            let mut rest = vec![0; length];
            stream.read_exact(&mut rest).await.ok()?;
            return version2(head, &rest);
        }
        let mut line = first.to_vec();
        // Not a byte more than the line: what follows is the client's.
        while !line.ends_with(b"\r\n") {
            if line.len() >= LONGEST_LINE {
                return None;
            }
            line.push(stream.read_u8().await.ok()?);
        }
        version1(&line)
    };
    let said = tokio::time::timeout(within, reading).await.ok()??;
    Some(said.unwrap_or(balancer))
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 1234 80`. Nothing where it is no such line; no address where the
/// balancer does not know, or speaks for itself.
fn version1(line: &[u8]) -> Option<Option<SocketAddr>> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let mut words = line.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let (ip, _, port, _) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let ip: IpAddr = ip.parse().ok()?;
    let sound = words.next().is_none() && ip.is_ipv4() == (family == "TCP4");
    let known = matches!(family, "TCP4" | "TCP6");
    (sound && known).then_some(Some(SocketAddr::new(ip, port.parse().ok()?)))
}

/// `head` is version and command, family, and the length of `rest`.
fn version2(head: [u8; 4], rest: &[u8]) -> Option<Option<SocketAddr>> {
    match head[0] {
        // LOCAL: a look of the balancer's own.
        0x20 => return Some(None),
        0x21 => {}
        _ => return None,
    }
    // Both addresses and both ports must be there, whichever counts.
    let port = |at: usize| {
        let two = rest.get(at..at + 2)?;
        rest.get(at + 2..at + 4).and(Some(u16::from_be_bytes(two.try_into().ok()?)))
    };
    match head[1] {
        0x11 => {
            let ip: [u8; 4] = rest.get(..4)?.try_into().ok()?;
            Some(Some(SocketAddr::new(Ipv4Addr::from(ip).into(), port(8)?)))
        }
        0x21 => {
            let ip: [u8; 16] = rest.get(..16)?.try_into().ok()?;
            Some(Some(SocketAddr::new(Ipv6Addr::from(ip).into(), port(32)?)))
        }
        // Of another family, which has no addresses here.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => Some(None),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    /// What is read of these bytes, and what is left for the client.
    async fn of(bytes: &[u8]) -> (Option<SocketAddr>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut client =
            TcpStream::connect(listener.local_addr().expect("bound")).await.expect("ok");
        let (mut stream, _) = listener.accept().await.expect("accepted");
        let all = bytes.to_vec();
        tokio::spawn(async move {
            for piece in all.chunks(7) {
                client.write_all(piece).await.expect("sent");
            }
        });
        let balancer = SocketAddr::from(([10, 0, 0, 1], 9));
        let said = read(&mut stream, balancer, Duration::from_secs(5)).await;
        let mut rest = Vec::new();
        if said.is_some() {
            stream.read_to_end(&mut rest).await.expect("read");
        }
        (said, rest)
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest, b"GET"].concat()
    }

    #[tokio::test]
    async fn a_balancer_says_who_asks_and_not_a_byte_of_the_client_is_lost() {
        let address = |text: &str| Some(text.parse::<SocketAddr>().expect("an address"));
        let four = [192, 0, 2, 1, 10, 0, 0, 1, 4, 210, 0, 80, 3, 0, 1, 7];
        let six = [[0x20; 16], [0; 16]].concat();
        let six = [&six[..], &[4, 210, 0, 80]].concat();
        for (bytes, expected) in [
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 1234 80\r\nGET".to_vec(), "192.0.2.1:1234"),
            (b"PROXY TCP6 2001:db8::1 ::1 1234 80\r\nGET".to_vec(), "[2001:db8::1]:1234"),
            (b"PROXY UNKNOWN\r\nGET".to_vec(), "10.0.0.1:9"),
            (v2(0x21, 0x11, &four), "192.0.2.1:1234"),
            (v2(0x21, 0x21, &six), "[2020:2020:2020:2020:2020:2020:2020:2020]:1234"),
            (v2(0x20, 0, b""), "10.0.0.1:9"),
        ] {
            assert_eq!(of(&bytes).await, (address(expected), b"GET".to_vec()), "{expected}");
        }
    }

    #[tokio::test]
    async fn who_does_not_say_it_rightly_is_not_served() {
        let long = format!("PROXY TCP4 {}", "1".repeat(200));
        for wrong in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"PROXY TCP4 192.0.2.1 10.0.0.1 99999 80\r\n",
            b"PROXY TCP4 ::1 10.0.0.1 9 80\r\n",
            b"PROXY TCP4 192.0.2.1 10.0.0.1 9 80 7\r\n",
            b"PROXY TCP5 192.0.2.1 10.0.0.1 9 80\r\n",
            long.as_bytes(),
            &v2(0x11, 0x11, &[0; 12]),
            &v2(0x21, 0x11, &[0; 11])[..27],
            &v2(0x21, 0x77, &[0; 12]),
        ] {
            assert_eq!(of(wrong).await.0, None, "{}", String::from_utf8_lossy(wrong));
        }
        let endless = [&SIGNATURE[..], &[0x21, 0x11, 255, 255]].concat();
        assert_eq!(of(&endless).await.0, None);
    }

    #[test]
    fn nothing_that_is_sent_makes_it_fall() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..200_000 {
            let length = random.usize(..64);
            let rest: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            let head = [random.choice([0x20, 0x21, 0x11]).unwrap_or(0), random.u8(..0x40), 0, 0];
            let _ = version2(head, &rest);
            let mut line = b"PROXY TCP4 192.0.2.1 10.0.0.1 1234 80\r\n".to_vec();
            let at = random.usize(..line.len());
            line[at] = random.u8(..);
            let _ = version1(&line);
        }
    }
}
