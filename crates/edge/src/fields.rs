//! Header fields that not everybody may set, and those that may not come late.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE, TE,
    TRAILER, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderName};
use http_body::Frame;

/// Where a field says something that only a proxy knows: who the client is, how it came, which path
/// it asked for. `None` for any other field.
pub(crate) fn origin(name: &HeaderName) -> Option<Spelling> {
    let name = name.as_str().as_bytes();
    // By far the most fields are told apart by their first letter.
    let whole: &[&[u8]] = match name.first()? {
        b'x' => &[
            b"x-real-ip",
            b"x-client-ip",
            b"x-cluster-client-ip",
            b"x-rewrite-url",
            b"x-scheme",
            b"x-url-scheme",
        ],
        b'f' => &[b"forwarded", b"front-end-https", b"fastly-client-ip"],
        b't' => &[b"true-client-ip"],
        b'c' => &[b"client-ip", b"cf-connecting-ip", b"client-cert", b"client-cert-chain"],
        // A CGI would take it for the proxy of its own requests (CVE-2016-5385).
        b'p' => &[b"proxy"],
        _ => return None,
    };
    let begins: &[&[u8]] = &[b"x-forwarded-", b"x-original-"];
    let found = whole.iter().any(|one| one.len() == name.len() && same(name, one))
        || begins.iter().any(|one| name.get(..one.len()).is_some_and(|begin| same(begin, one)));
    let plain = if name.contains(&b'_') { Spelling::Underscore } else { Spelling::Plain };
    found.then_some(plain)
}

/// How a field's name is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spelling {
    Plain,
    /// `X_Forwarded_For`, which servers that make variables of fields (CGI, WSGI, Rack) cannot tell
    /// from the other. No proxy writes it that way.
    Underscore,
}

fn same(name: &[u8], own: &[u8]) -> bool {
    name.iter().zip(own).all(|(a, b)| a == b || (*a == b'_' && *b == b'-'))
}

/// Whether a field may come after the body: not what says how the message is to be read, who sends
/// it or what it contains (RFC 9110, 6.5.1).
pub(crate) fn may_come_late(name: &HeaderName) -> bool {
    static EARLY: [HeaderName; 10] = [
        AUTHORIZATION,
        CONTENT_ENCODING,
        CONTENT_LENGTH,
        CONTENT_TYPE,
        COOKIE,
        HOST,
        SET_COOKIE,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
    ];
    !EARLY.contains(name) && origin(name).is_none()
}

/// What of trailers may pass.
fn late(mut trailers: HeaderMap) -> HeaderMap {
    while let Some(name) = trailers.keys().find(|name| !may_come_late(name)).cloned() {
        trailers.remove(name);
    }
    trailers
}

/// A frame of a body with what of its trailers may pass.
pub(crate) fn passing(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(trailers) => Frame::trailers(late(trailers)),
        Err(data) => data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_proxy_knows_is_found_however_it_is_written() {
        let of = |name: &str| origin(&name.parse().expect("a name"));
        for name in ["X-Forwarded-For", "x-forwarded-prefix", "X-Original-URL", "Forwarded"] {
            assert_eq!(of(name), Some(Spelling::Plain), "{name}");
        }
        for name in ["X_Forwarded_Proto", "x-real_ip", "True_Client-IP", "client_cert"] {
            assert_eq!(of(name), Some(Spelling::Underscore), "{name}");
        }
        for name in ["x-request-id", "x-forwarde", "forwarded-not", "cookie", "x-real-ipx", "te"] {
            assert_eq!(of(name), None, "{name}");
        }
    }

    #[test]
    fn what_changes_the_message_comes_early() {
        let late = |name: &str| may_come_late(&name.parse().expect("a name"));
        assert!(late("x-sum") && late("grpc-status") && late("server-timing"));
        assert!(!late("Content-Length") && !late("host") && !late("X-Forwarded-For"));
        assert!(!late("Client-Cert"));
        let mut trailers = HeaderMap::new();
        for name in ["x-sum", "host", "x-real-ip"] {
            trailers.append(HeaderName::from_static(name), http::HeaderValue::from_static("1"));
        }
        let left = passing(Frame::trailers(trailers)).into_trailers().expect("they are");
        assert_eq!(left.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["x-sum"]);
    }
}
