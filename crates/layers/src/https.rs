//! Plain HTTP is redirected and HSTS set (RFC 6797), by the word of the proxy that ends TLS.

use std::net::Ipv6Addr;

use bytes::Bytes;
use http::header::{HOST, LOCATION, STRICT_TRANSPORT_SECURITY};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};

use crate::policy::Policy;
use crate::refusal::Refusal;

/// What is done with plain HTTP.
#[derive(Debug, Clone)]
pub struct Https {
    header: HeaderName,
    hsts: HeaderValue,
}

impl Default for Https {
    /// `X-Forwarded-Proto`, and HSTS for a year (ASVS 5.0, 3.4.1).
    fn default() -> Self {
        Self::new(HeaderName::from_static("x-forwarded-proto"), 31_536_000)
    }
}

impl Https {
    /// The proxy's header, and the `max-age` of HSTS in seconds.
    pub fn new(header: HeaderName, hsts: u64) -> Self {
        let text = format!("max-age={hsts}");
        let hsts = HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("max-age=0"));
        Self { header, hsts }
    }

    /// How the client came, as the proxy before says; `None` when nobody said: then nothing is
    /// redirected, as with a probe from within. Where clients can reach the service without the
    /// proxy, an outer layer must take their own such header away.
    fn secure<B>(&self, request: &Request<B>) -> Option<bool> {
        // A proxy may add a line of its own to the client's: the last one counts.
        scheme(request.headers().get_all(&self.header).iter().next_back()?)
    }
}

/// Whether the last proxy's word means HTTPS.
fn scheme(value: &HeaderValue) -> Option<bool> {
    let last = value.as_bytes().rsplit(|byte| *byte == b',').next()?.trim_ascii();
    Some(last.eq_ignore_ascii_case(b"https"))
}

impl Policy for Https {
    type State = bool;

    fn request<B>(&self, request: &mut Request<B>) -> Result<bool, Box<Response<Bytes>>> {
        if self.secure(request) != Some(false) {
            return Ok(self.secure(request) == Some(true));
        }
        // Whoever asks for the service's own address need not be told about another scheme.
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let Some(host) = host.filter(|host| is_host(host)) else {
            return Refusal::new(StatusCode::BAD_REQUEST, "bad_host", "expected a Host header")
                .refuse();
        };
        let host = host.strip_suffix(":80").unwrap_or(host);
        let rest = request.uri().path_and_query().map_or("/", |path| path.as_str());
        // `OPTIONS *` is about the whole server.
        let rest = if rest.starts_with('/') { rest } else { "/" };
        let Ok(location) = HeaderValue::from_str(&format!("https://{host}{rest}")) else {
            return Refusal::new(StatusCode::BAD_REQUEST, "bad_target", "expected a path").refuse();
        };
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
        answer.headers_mut().insert(LOCATION, location);
        Err(Box::new(answer))
    }

    fn response<B>(&self, secure: bool, response: &mut Response<B>) {
        let headers = response.headers_mut();
        headers.remove(STRICT_TRANSPORT_SECURITY);
        // Over plain HTTP it must not be sent (RFC 6797, 7.2).
        if secure {
            headers.insert(STRICT_TRANSPORT_SECURITY, self.hsts.clone());
        }
    }
}

/// A name, an IPv4 address or an IPv6 address in brackets, with or without a port.
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inner, rest)) => {
            let port = rest.strip_prefix(':');
            let whole = rest.is_empty() || port.is_some();
            (whole && inner.parse::<Ipv6Addr>().is_ok(), port)
        }
        None => {
            let (name, port) = text.split_once(':').map_or((text, None), |(n, p)| (n, Some(p)));
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            (!name.is_empty() && name.bytes().all(allowed), port)
        }
    };
    let number =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    host && port.is_none_or(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(host: &str, proto: Option<&str>) -> Result<bool, Box<Response<Bytes>>> {
        let mut request = Request::builder().uri("/a?b=1").header("host", host);
        if let Some(proto) = proto {
            request = request.header("x-forwarded-proto", proto);
        }
        Https::default().request(&mut request.body(()).expect("it is sound"))
    }

    #[test]
    fn only_a_word_of_plain_http_redirects() {
        assert!(!ask("a.example", None).expect("passes"));
        assert!(ask("a.example", Some("https")).expect("passes"));
        let redirect = ask("a.example:80", Some("http")).expect_err("redirected");
        assert_eq!(redirect.status(), 308);
        assert_eq!(redirect.headers()["location"], "https://a.example/a?b=1");
        for host in
            ["evil/path", ":80", ":", "a:b", "a@b", "[::1", "[::1]x", "[::]]", "a:99999", ""]
        {
            let refused = ask(host, Some("http")).expect_err("refused");
            assert_eq!(refused.status(), 400, "{host}");
        }
        for host in ["[::1]:8080", "a_b.example:8080", "127.0.0.1"] {
            assert_eq!(ask(host, Some("http")).expect_err("redirected").status(), 308, "{host}");
        }
    }

    #[test]
    fn the_last_line_of_the_header_counts() {
        let mut request = Request::builder()
            .header("host", "a.example")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-proto", "http")
            .body(())
            .expect("it is sound");
        assert_eq!(Https::default().request(&mut request).expect_err("plain").status(), 308);
    }

    #[test]
    fn the_whole_server_is_its_root() {
        let request = Request::options("*").header("host", "a.example");
        let request = request.header("x-forwarded-proto", "http").body(());
        let redirect = Https::default().request(&mut request.expect("it is sound"));
        assert_eq!(redirect.expect_err("plain").headers()["location"], "https://a.example/");
    }
}
