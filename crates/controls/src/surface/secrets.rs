//! What a journey carries that must not be written down: cookies, tokens, passwords.

use client::{Request, Response};
use redact::Redactor;
use serde_json::Value;

/// Shorter values, and those that are plain words, are found everywhere.
const SHORTEST: usize = 8;
/// Larger answers are lists and pages, not log-ins.
const LARGEST: usize = 64 * 1024;
/// Words before a credential.
const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];

/// Lets the redactor learn the secrets of an exchange, so that they appear by their names alone.
pub(crate) fn learn(redactor: &Redactor, request: &Request, response: Option<&Response>) {
    for (name, value) in &request.headers {
        if name.eq_ignore_ascii_case("cookie") {
            value.split(';').for_each(|pair| cookie(redactor, pair));
        } else if redact::is_secret_name(name) {
            one(redactor, &name.to_ascii_lowercase(), credential(value));
        }
    }
    body(redactor, &request.body);
    if let Some(response) = response {
        learn_given(redactor, response);
    }
}

/// Lets the redactor learn what an answer hands out: a log-in that is tried again gives another
/// token each time.
pub(crate) fn learn_given(redactor: &Redactor, response: &Response) {
    for (name, value) in &response.headers {
        if name.eq_ignore_ascii_case("set-cookie") {
            cookie(redactor, value.split(';').next().unwrap_or_default());
        } else if redact::is_secret_name(name) {
            one(redactor, &name.to_ascii_lowercase(), credential(value));
        }
    }
    if response.body.len() <= LARGEST {
        body(redactor, &response.body);
    }
}

/// What follows the scheme.
fn credential(value: &str) -> &str {
    match value.trim().split_once(' ') {
        Some((scheme, rest)) if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => {
            rest.trim()
        }
        _ => value.trim(),
    }
}

fn cookie(redactor: &Redactor, pair: &str) {
    if let Some((name, value)) = pair.trim().split_once('=') {
        one(redactor, &format!("cookie {name}"), value);
    }
}

fn body(redactor: &Redactor, body: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        json(redactor, &value);
    } else if let Ok(text) = std::str::from_utf8(body) {
        for pair in text.split('&').filter_map(|pair| pair.split_once('=')) {
            if redact::is_secret_name(pair.0) {
                let value = percent_encoding::percent_decode_str(pair.1).decode_utf8_lossy();
                one(redactor, pair.0, &value);
            }
        }
    }
}

fn json(redactor: &Redactor, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| json(redactor, item)),
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(text) if redact::is_secret_name(name) => {
                        one(redactor, name, text);
                    }
                    other => json(redactor, other),
                }
            }
        }
        _ => {}
    }
}

fn one(redactor: &Redactor, label: &str, value: &str) {
    let plain = value.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    if value.len() >= SHORTEST && !plain {
        redactor.learn_unless_known(label, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_journey_carries_appears_by_its_name() {
        let redactor = Redactor::default();
        let request = Request::new("POST", "/login")
            .header("Authorization", "Bearer abc.DEF-123456")
            .header("Cookie", "sid=s3ss10n-value; theme=dark")
            .body("{\"user\": \"anna\", \"password\": \"correct-horse-1\"}");
        let response = Response {
            status: 200,
            headers: vec![("Set-Cookie".into(), "sid=n3w-s3ss10n; Path=/".into())],
            body: b"{\"data\": {\"access_token\": \"tok-987654321\", \"kind\": \"session\"}}"
                .to_vec(),
            closes: false,
        };
        learn(&redactor, &request, Some(&response));
        for (secret, name) in [
            ("abc.DEF-123456", "authorization"),
            ("s3ss10n-value", "cookie sid"),
            ("n3w-s3ss10n", "cookie sid"),
            ("correct-horse-1", "password"),
            ("tok-987654321", "access_token"),
        ] {
            assert_eq!(redactor.mask(&format!("-{secret}-")), format!("-‹{name}›-"));
        }
        assert_eq!(redactor.mask("anna dark session"), "anna dark session");
    }

    #[test]
    fn a_form_s_password_is_one_too() {
        let redactor = Redactor::default();
        learn(&redactor, &Request::new("POST", "/").body("name=a&password=h%40rd-to-guess"), None);
        assert_eq!(redactor.mask("h@rd-to-guess"), "‹password›");
    }
}
