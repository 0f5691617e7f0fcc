//! What every request must be before anything else looks at it, and what it may say about where it
//! comes from.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use layers::{Policy, Refusal};

use crate::fields::{Spelling, origin};

/// A range of addresses: `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    ip: IpAddr,
    bits: u32,
}

impl Range {
    /// Reads an address or a range.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
        let ip: IpAddr = ip.trim().parse().ok()?;
        let longest = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Some(longest), |bits| bits.trim().parse().ok())?;
        if bits > longest {
            return None;
        }
        // Peers are compared in their shortest form, and so must be what is compared with.
        match ip.to_canonical() {
            short if short.is_ipv4() && bits >= 96 && longest == 128 => {
                Some(Self { ip: short, bits: bits - 96 })
            }
            _ => Some(Self { ip, bits }),
        }
    }

    pub(crate) fn contains(&self, ip: IpAddr) -> bool {
        let number = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => u128::from(u32::from(ip)) << 96,
            IpAddr::V6(ip) => u128::from(ip),
        };
        let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
        let mask = if self.bits == 0 { 0 } else { mask };
        self.ip.is_ipv4() == ip.is_ipv4() && (number(self.ip) ^ number(ip)) & mask == 0
    }
}

/// The first look at a request of one connection.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    peer: HeaderValue,
    trusted: bool,
    /// The header in which a proxy says how the client came.
    proto: HeaderName,
    /// The edge itself spoke TLS with the client.
    tls: bool,
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
impl Entry {
    pub(crate) fn new(
        peer: IpAddr,
        trusted: &Arc<Vec<Range>>,
        proto: HeaderName,
        tls: bool,
    ) -> Self {
        let peer = peer.to_canonical();
        Self {
            peer: HeaderValue::from_str(&peer.to_string()).unwrap_or(HeaderValue::from_static("")),
            trusted: trusted.iter().any(|range| range.contains(peer)),
            proto,
            tls,
        }
    }

    fn mark(&self, headers: &mut http::HeaderMap) {
        let forged = |name: &&HeaderName| match origin(name) {
            Some(Spelling::Underscore) => true,
            Some(Spelling::Plain) => !self.trusted && **name != FORWARDED_FOR,
            None => !self.trusted && **name == self.proto,
        };
        while let Some(name) = headers.keys().find(forged).cloned() {
            headers.remove(name);
        }
        if self.tls {
            headers.insert(self.proto.clone(), HeaderValue::from_static("https"));
        }
        if !self.trusted || !headers.contains_key(FORWARDED_FOR) {
            headers.insert(FORWARDED_FOR, self.peer.clone());
            return;
        }
        // A proxy may add a line of its own to the client's: the last line is what it says.
        let before = headers.get_all(FORWARDED_FOR).iter().chain([&self.peer]);
        // As bytes: a client could hide itself behind one that is no text.
        let lines: Vec<&[u8]> = before.map(HeaderValue::as_bytes).collect();
        let chain = HeaderValue::from_bytes(&lines.join(&b", "[..]));
        let chain = chain.unwrap_or_else(|_| self.peer.clone());
        headers.insert(FORWARDED_FOR, chain);
    }
}

/// A host and a port, as far as the bytes of it say (RFC 3986, 3.2.2); it may be empty (RFC 9112,
/// 3.2).
pub(crate) fn is_host(host: &[u8]) -> bool {
    host.iter().all(|byte| IN_HOSTS[usize::from(*byte)])
}

/// Which bytes may be in a host: looked at with every request.
static IN_HOSTS: [bool; 256] = {
    let mut may = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        may[byte as usize] = byte.is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"-._~!$&'()*+;=:[]%";
    let mut at = 0;
    while at < others.len() {
        may[others[at] as usize] = true;
        at += 1;
    }
    may
};

fn bad(rule: &'static str, message: &'static str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, rule, message)
}

/// What is wrong with a request that another party might read differently (request smuggling;
/// RFC 9112, 3.2 and 6).
fn mistake<B>(request: &Request<B>) -> Option<Refusal> {
    let headers = request.headers();
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        let message = "this method is not served";
        return Some(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message));
    }
    let mut hosts = headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return Some(bad("several_hosts", "expected one Host, found several"));
    }
    // HTTP/1.0 may come without.
    if host.is_none() && request.version() > Version::HTTP_10 {
        return Some(bad("no_host", "expected a Host, found none"));
    }
    if host.is_some_and(|host| !is_host(host.as_bytes())) {
        return Some(bad("bad_host", "expected one host and a port in Host, found something else"));
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        if headers.contains_key(CONTENT_LENGTH) {
            return Some(bad(
                "two_lengths",
                "expected Content-Length or Transfer-Encoding, found both",
            ));
        }
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        let only = codings.next().filter(|_| codings.next().is_none());
        if !only.is_some_and(|coding| coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
            return Some(bad(
                "bad_transfer_coding",
                "expected the transfer coding chunked, found another",
            ));
        }
    }
    if request.uri().path().is_empty()
        || (request.uri().path() == "*" && *request.method() != Method::OPTIONS)
    {
        return Some(bad("bad_target", "expected a path"));
    }
    None
}

impl Policy for Entry {
    type State = ();

    fn request<B>(&self, request: &mut Request<B>) -> Result<(), Box<Response<Bytes>>> {
        if let Some(refusal) = mistake(request) {
            return refusal.refuse();
        }
        self.mark(request.headers_mut());
        Ok(())
    }

    fn response<B>(&self, (): (), _: &mut Response<B>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_what_they_say() {
        let contains = |range: &str, ip: &str| {
            let range = Range::parse(range).expect("a range");
            range.contains(ip.parse().expect("an address"))
        };
        assert!(contains("10.0.0.0/8", "10.9.8.7") && !contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("fd00::/8", "fd12::1") && !contains("fd00::/8", "fe80::1"));
        assert!(contains("::ffff:10.0.0.0/104", "10.9.8.7"), "peers are compared as IPv4");
        for wrong in ["", "a", "10.0.0.0/33", "10.0.0/8", "::/129"] {
            assert_eq!(Range::parse(wrong), None, "{wrong}");
        }
    }

    fn entry(trusted: &[&str]) -> Entry {
        let ranges = trusted.iter().filter_map(|text| Range::parse(text)).collect();
        let proto = HeaderName::from_static("x-forwarded-proto");
        Entry::new("192.0.2.7".parse().expect("an address"), &Arc::new(ranges), proto, false)
    }

    fn through(entry: &Entry) -> http::HeaderMap {
        let request = Request::get("/").header("host", "a").header("x-forwarded-for", "1.1.1.1");
        let request = request.header("x-forwarded-proto", "https").header("x_real_ip", "1.1.1.1");
        let mut request = request.header("x-original-url", "/b").body(()).expect("sound");
        entry.request(&mut request).expect("it passes");
        request.headers().clone()
    }

    #[test]
    fn only_a_trusted_proxy_may_say_where_a_request_comes_from() {
        let headers = through(&entry(&[]));
        assert_eq!(headers["x-forwarded-for"], "192.0.2.7");
        assert_eq!(headers.len(), 2, "{headers:?}");
        let headers = through(&entry(&["192.0.2.0/24"]));
        assert_eq!(headers["x-forwarded-for"], "1.1.1.1, 192.0.2.7");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert!(headers.contains_key("x-original-url") && !headers.contains_key("x_real_ip"));
    }

    #[test]
    fn what_a_trusted_proxy_adds_as_a_line_of_its_own_is_kept() {
        let request = Request::get("/").header("host", "a").header("x-forwarded-for", "6.6.6.6");
        let mut request = request.header("x-forwarded-for", "1.1.1.1").body(()).expect("sound");
        entry(&["192.0.2.0/24"]).request(&mut request).expect("it passes");
        let all: Vec<_> = request.headers().get_all("x-forwarded-for").iter().collect();
        assert_eq!(all, ["6.6.6.6, 1.1.1.1, 192.0.2.7"]);
    }

    #[test]
    fn a_byte_that_is_no_text_hides_nobody() {
        let odd = HeaderValue::from_bytes(b"\xff, 203.0.113.9").expect("allowed");
        let request = Request::get("/").header("host", "a").header("x-forwarded-for", odd);
        let mut request = request.body(()).expect("sound");
        entry(&["192.0.2.0/24"]).request(&mut request).expect("it passes");
        let chain = request.headers()["x-forwarded-for"].as_bytes();
        assert_eq!(chain, b"\xff, 203.0.113.9, 192.0.2.7");
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let ask = |headers: &[(&str, &str)]| {
            let mut request = Request::post("/");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            mistake(&request.body(()).expect("sound")).map(|refusal| refusal.status.as_u16())
        };
        assert_eq!(ask(&[("host", "a"), ("content-length", "3")]), None);
        assert_eq!(ask(&[("host", "a"), ("transfer-encoding", "chunked")]), None);
        assert_eq!(ask(&[]), Some(400));
        for host in ["a b", "a, b", "a/<x>", "a@b", "\u{e4}", "a\"b"] {
            assert_eq!(ask(&[("host", host)]), Some(400), "{host}");
        }
        for host in ["", "a.example:80", "[::1]:8080", "a_b", "a%20b"] {
            assert_eq!(ask(&[("host", host)]), None, "{host}");
        }
        assert_eq!(ask(&[("host", "a"), ("host", "b")]), Some(400));
        let both = [("host", "a"), ("content-length", "3"), ("transfer-encoding", "chunked")];
        assert_eq!(ask(&both), Some(400));
        for coding in ["gzip, chunked", "identity", "xchunked", "chunked, chunked"] {
            assert_eq!(ask(&[("host", "a"), ("transfer-encoding", coding)]), Some(400), "{coding}");
        }
    }
}
