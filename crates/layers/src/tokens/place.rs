//! Where a request carries its token.

use std::str::FromStr;

use http::header::{AUTHORIZATION, COOKIE, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderName, Request};
use percent_encoding::percent_decode_str;

use crate::list;

/// One place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenPlace {
    /// A header, after this word: `Authorization: Bearer TOKEN` (RFC 6750, 2.1).
    Header { name: HeaderName, scheme: Option<String> },
    /// A cookie.
    Cookie(String),
    /// A parameter of the query, for WebSocket clients that can set no header. It ends in logs of
    /// others, so that it holds for upgrades only.
    Query(String),
    /// A subprotocol of a WebSocket after this word: `Sec-WebSocket-Protocol: bearer, TOKEN`.
    Protocol(String),
}

impl FromStr for TokenPlace {
    type Err = String;

    /// `header`, `header:X-Token`, `cookie:session`, `query:access_token`, `protocol:bearer`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected header, header:NAME, cookie:NAME, query:NAME or protocol:WORD, found \
                 {text:?}"
            )
        };
        let (kind, name) = text.split_once(':').map_or((text, ""), |(kind, name)| (kind, name));
        match (kind, name) {
            ("header", "") => Ok(Self::bearer()),
            ("header", name) => {
                let name = name.parse().map_err(|_| wrong())?;
                let scheme = (name == AUTHORIZATION).then(|| "Bearer".to_owned());
                Ok(Self::Header { name, scheme })
            }
            (_, "") => Err(wrong()),
            ("cookie", name) => Ok(Self::Cookie(name.to_owned())),
            ("query", name) => Ok(Self::Query(name.to_owned())),
            ("protocol", word) => Ok(Self::Protocol(word.to_owned())),
            _ => Err(wrong()),
        }
    }
}

impl TokenPlace {
    /// `Authorization: Bearer`.
    pub fn bearer() -> Self {
        Self::Header { name: AUTHORIZATION, scheme: Some("Bearer".to_owned()) }
    }

    /// The token, where there is one here. Several are none: who reads after us might take another
    /// one.
    pub(super) fn find<B>(&self, request: &Request<B>) -> Found {
        let headers = request.headers();
        match self {
            Self::Header { name, scheme } => {
                one(headers.get_all(name).iter().filter_map(|value| {
                    let value = value.as_bytes().trim_ascii();
                    match scheme {
                        None => Some(value.to_vec()),
                        Some(scheme) => after(value, scheme).map(<[u8]>::to_vec),
                    }
                }))
            }
            Self::Cookie(name) => one(cookies(headers, name)),
            Self::Query(name) if upgrades(headers) => {
                let pairs = request.uri().query().unwrap_or_default().split('&');
                let pairs = pairs.filter_map(|pair| pair.split_once('='));
                let own = pairs.filter(|(own, _)| {
                    percent_decode_str(own).decode_utf8().is_ok_and(|own| own == *name)
                });
                one(own.map(|(_, value)| percent_decode_str(value).collect()))
            }
            Self::Query(_) => Found::Nothing,
            Self::Protocol(word) => {
                let mut members = list::members(headers, &SEC_WEBSOCKET_PROTOCOL);
                let named = members.any(|member| member.eq_ignore_ascii_case(word.as_bytes()));
                match members.next() {
                    Some(token) if named => Found::One(token.to_vec()),
                    _ => Found::Nothing,
                }
            }
        }
    }
}

/// What was found at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    One(Vec<u8>),
    Several,
}

fn one(mut all: impl Iterator<Item = Vec<u8>>) -> Found {
    match (all.next(), all.next()) {
        (None, _) => Found::Nothing,
        (Some(token), None) => Found::One(token),
        (Some(_), Some(_)) => Found::Several,
    }
}

/// Schemes are compared in whatever case (RFC 9110, 11.1).
fn after<'a>(value: &'a [u8], scheme: &str) -> Option<&'a [u8]> {
    let (word, rest) = value.split_at_checked(scheme.len())?;
    let space = rest.first().is_some_and(u8::is_ascii_whitespace);
    (word.eq_ignore_ascii_case(scheme.as_bytes()) && space).then(|| rest.trim_ascii())
}

fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = Vec<u8>> {
    let lines =
        headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|b| *b == b';'));
    lines.filter_map(move |pair| {
        let pair = pair.trim_ascii();
        let at = pair.iter().position(|byte| *byte == b'=')?;
        let (own, value) = (pair[..at].trim_ascii(), pair[at + 1..].trim_ascii());
        let value = value.strip_prefix(b"\"").and_then(|v| v.strip_suffix(b"\"")).unwrap_or(value);
        (own == name.as_bytes()).then(|| value.to_vec())
    })
}

/// Whether a request asks for a WebSocket.
pub(super) fn upgrades(headers: &HeaderMap) -> bool {
    list::has(headers, &http::header::UPGRADE, "websocket")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: &str, headers: &[(&str, &str)], target: &str) -> Found {
        let place: TokenPlace = place.parse().expect("a place");
        let mut request = Request::get(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        place.find(&request.body(()).expect("sound"))
    }

    #[test]
    fn a_token_is_found_where_it_is_declared_to_be_and_nowhere_else() {
        let one = |text: &str| Found::One(text.as_bytes().to_vec());
        assert_eq!(at("header", &[("authorization", "bEaReR  a.b.c ")], "/"), one("a.b.c"));
        assert_eq!(at("header", &[("authorization", "Basic a")], "/"), Found::Nothing);
        assert_eq!(at("header", &[("authorization", "Bearera")], "/"), Found::Nothing);
        assert_eq!(at("header:x-token", &[("x-token", "a.b.c")], "/"), one("a.b.c"));
        assert_eq!(at("cookie:t", &[("cookie", "a=1; t=\"x\"; tt=2")], "/"), one("x"));
        let twice = [("cookie", "t=1"), ("cookie", "t=2")];
        assert_eq!(at("cookie:t", &twice, "/"), Found::Several, "a service may take either");
        let upgrade = [("upgrade", "websocket"), ("sec-websocket-protocol", "chat, bearer, a.b.c")];
        assert_eq!(at("query:t", &upgrade, "/?a=1&%74=x%2Ey"), one("x.y"));
        assert_eq!(at("query:t", &[], "/?t=x"), Found::Nothing, "only for upgrades");
        assert_eq!(at("protocol:bearer", &upgrade, "/"), one("a.b.c"));
        for wrong in ["", "body", "cookie", "query:", "header:a b"] {
            assert!(wrong.parse::<TokenPlace>().is_err(), "{wrong}");
        }
    }
}
