//! Who a caller is, as far as that can be seen without asking anybody: the same key for the same
//! caller, from one request to the next. It decides who has a feature and how many requests, and never
//! what anyone may do, so that nothing is verified here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue, Request};
use serde_json::Value;

use crate::tokens::Verified;

/// Parts of the names of cookies that hold a session; others (analytics, consent) come and go.
const SESSION: &[&str] = &["sess", "sid", "auth", "token", "jwt", "user"];

/// Whom a request is of: the subject of a token that an outer layer has verified; else, unverified,
/// the subject of a JWT, which is issued anew every few minutes, or what the caller proves its
/// identity with; nothing for one that proves none.
pub(crate) fn key<B>(request: &Request<B>) -> String {
    let verified = request.extensions().get::<Verified>();
    let subject = verified.and_then(|verified| verified.subject.clone());
    subject.unwrap_or_else(|| unverified(request.headers()))
}

fn unverified(headers: &HeaderMap) -> String {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    if let Some(proof) = headers.get(AUTHORIZATION).map(text) {
        return subject(proof.rsplit(' ').next().unwrap_or_default()).unwrap_or(proof);
    }
    let cookies: Vec<String> = headers.get_all(COOKIE).iter().map(text).collect();
    let pairs = || cookies.iter().flat_map(|line| line.split(';')).map(str::trim);
    let session = pairs().find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let name = name.to_ascii_lowercase();
        SESSION.iter().any(|part| name.contains(part)).then_some(value)
    });
    match session {
        Some(value) => subject(value).unwrap_or_else(|| value.to_owned()),
        None => pairs().collect::<Vec<_>>().join(";"),
    }
}

/// Whom a JWT is about (RFC 7519, 4.1.2), or whose it is.
fn subject(token: &str) -> Option<String> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    let found = ["sub", "client_id"].iter().find_map(|name| claims.get(*name))?;
    Some(found.as_str().map_or_else(|| found.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &[(&'static str, &str)]) -> String {
        let pairs = headers.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), value.parse().expect("sound"))
        });
        unverified(&pairs.collect())
    }

    fn token(claims: &str) -> String {
        format!("eyJhbGciOiJub25lIn0.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_caller_stays_the_same_when_its_token_is_new() {
        let bearer = |claims: &str| of(&[("authorization", &format!("Bearer {}", token(claims)))]);
        assert_eq!(bearer(r#"{"sub":"ann","exp":1}"#), "ann");
        assert_eq!(bearer(r#"{"sub":"ann","exp":2}"#), "ann");
        assert_eq!(bearer(r#"{"sub":7}"#), "7");
        assert_eq!(of(&[("authorization", "Bearer opaque")]), "Bearer opaque");
        assert_eq!(of(&[("authorization", "Bearer a.!.c")]), "Bearer a.!.c");
    }

    #[test]
    fn of_cookies_the_session_counts() {
        assert_eq!(of(&[("cookie", "_ga=1; connect.sid=s1; seen=2")]), "s1");
        assert_eq!(of(&[("cookie", &format!("a=1; jwt={}", token(r#"{"sub":"ann"}"#)))]), "ann");
        assert_eq!(of(&[("cookie", "a=1; b=2")]), "a=1;b=2");
        assert_eq!(of(&[]), "");
    }
}
