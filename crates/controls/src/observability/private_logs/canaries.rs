//! Values that occur nowhere else, put into every place where a caller can put something. The
//! redactor learns each by its name, in every form in which it could be written down.

use client::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use redact::Redactor;
use serde_json::Value;

use crate::surface::Tour;
use crate::surface::tour::{path_of, proves_a_form};

/// Headers that carry secrets.
const HEADERS: [(&str, &str); 4] = [
    ("Authorization", "Bearer "),
    ("Cookie", "session="),
    ("X-Api-Key", ""),
    ("Proxy-Authorization", "Basic "),
];
/// Parameters that carry secrets or personal data.
const PARAMETERS: [&str; 5] = ["token", "password", "api_key", "access_token", "card"];

fn word() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(24).collect()
}

/// A card number of a test range that passes Luhn's check.
fn card() -> String {
    let mut digits: Vec<u32> = [4, 1, 1, 1].to_vec();
    digits.extend(std::iter::repeat_with(|| fastrand::u32(0..10)).take(11));
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match at % 2 {
            0 => digit * 2 / 10 + digit * 2 % 10,
            _ => *digit,
        })
        .sum();
    digits.push((10 - sum % 10) % 10);
    digits.iter().map(ToString::to_string).collect()
}

/// A value that fits the name of its field, learned by its name and position.
fn canary(redactor: &Redactor, field: &str, position: &str) -> String {
    let lower = field.to_ascii_lowercase();
    let value = if lower.contains("mail") {
        format!("{}@example.com", word().to_ascii_lowercase())
    } else if lower.contains("card") || lower.contains("pan") {
        card()
    } else if lower.contains("phone") {
        format!("+49151{}", fastrand::u32(10_000_000..99_999_999))
    } else {
        word()
    };
    // Of a mail address, the part before the sign is what must not be found.
    let secret = value.split('@').next().unwrap_or(&value);
    redactor.learn(&format!("canary {field} {position}"), secret);
    value
}

/// The proofs of identity that the journeys obtained.
pub(super) fn learn_credentials(redactor: &Redactor, tour: &Tour) {
    let headers = tour.steps.iter().flat_map(|step| &step.request.headers);
    for (name, value) in headers {
        let lower = name.to_ascii_lowercase();
        if lower == "authorization" {
            let token = value.rsplit(' ').next().unwrap_or(value);
            redactor.learn("canary token of a journey", token);
        } else if lower == "cookie" {
            let values = value.split(';').filter_map(|pair| Some(pair.split_once('=')?.1.trim()));
            for value in values.filter(|value| value.len() >= 16) {
                redactor.learn("canary cookie of a journey", value);
            }
        }
    }
}

pub(super) fn in_headers(redactor: &Redactor, request: &Request, more: &[String]) -> Request {
    let mut request = request.clone();
    let usual = HEADERS.iter().map(|(name, before)| ((*name).to_owned(), *before));
    for (name, before) in usual.chain(more.iter().map(|name| (name.clone(), ""))) {
        let value = canary(redactor, &name.to_ascii_lowercase(), "in a header");
        request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
        request = request.header(&name, &format!("{before}{value}"));
    }
    request
}

pub(super) fn in_query(redactor: &Redactor, request: &Request) -> Request {
    let pairs = PARAMETERS.map(|name| format!("{name}={}", canary(redactor, name, QUERY)));
    let target = format!("{}?{}", path_of(request), pairs.join("&"));
    Request { target, ..request.clone() }
}

/// Where it stands in what was sent.
pub(super) const BODY: &str = "in a body";
pub(super) const FORM: &str = "in a form";
pub(super) const QUERY: &str = "in a query";
/// Where a canary stands in a path of which nobody said that it is secret.
pub(super) const PATH: &str = "in a path";
/// Where it stands in a path that was declared.
pub(super) const DECLARED_PATH: &str = "in a declared path";

/// What stands between `open` and `close` becomes a canary of that name.
pub(super) fn filled(
    redactor: &Redactor,
    path: &str,
    (open, close): (&str, &str),
    at: &str,
) -> String {
    let mut all = String::new();
    let mut rest = path;
    while let Some((before, name, after)) = rest.split_once(open).and_then(|(before, inner)| {
        inner.split_once(close).map(|(name, after)| (before, name.trim(), after))
    }) {
        all.push_str(before);
        all.push_str(&canary(redactor, name, at));
        rest = after;
    }
    all + rest
}

/// Whether the name of a variable says that it is secret or personal.
pub(super) fn is_private(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let words = [
        "mail",
        "token",
        "secret",
        "passw",
        "passphrase",
        "phone",
        "card",
        "iban",
        "ssn",
        "birth",
        "address",
        "street",
        "surname",
        "firstname",
        "lastname",
        "first_name",
        "last_name",
        "api_key",
        "apikey",
        "credential",
        "otp",
        "cvv",
        "cvc",
        "passport",
    ];
    // What people write, and what they call themselves.
    let own = [
        "pin", "dob", "pan", "name", "author", "user", "username", "text", "comment", "message",
        "content", "note", "bio", "body",
    ];
    words.iter().any(|word| name.contains(word)) || own.contains(&name.as_str())
}

/// The name of a file.
pub(super) fn file_name(redactor: &Redactor) -> String {
    canary(redactor, "filename", "in an upload")
}

/// Every text of a JSON body is a canary.
pub(super) fn in_body(redactor: &Redactor, request: &Request) -> Request {
    let mut body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    fill(redactor, &mut body, "text");
    if let Value::Object(map) = &mut body {
        // What a service does not know must not be logged either.
        let card = canary(redactor, "card", BODY);
        map.insert("card".to_owned(), Value::String(card));
    }
    request.clone().body(body.to_string())
}

/// Every field of a form is a canary, but those that prove that the form was shown.
pub(super) fn in_form(redactor: &Redactor, request: &Request) -> Request {
    let body = String::from_utf8_lossy(&request.body).into_owned();
    let pairs = body.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        if proves_a_form(name) {
            return pair.to_owned();
        }
        // `user[email]` is about the mail address.
        let field = name.trim_end_matches("%5D").trim_end_matches(']');
        let field = field.rsplit(['[', 'B']).next().filter(|last| !last.is_empty());
        let value = canary(redactor, field.unwrap_or(name), FORM);
        format!("{name}={}", utf8_percent_encode(&value, NON_ALPHANUMERIC))
    });
    let body = pairs.collect::<Vec<_>>().join("&");
    request.clone().body(body)
}

fn fill(redactor: &Redactor, value: &mut Value, field: &str) {
    match value {
        Value::String(text) => *text = canary(redactor, field, BODY),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(redactor, item, field)),
        Value::Object(map) => map.iter_mut().for_each(|(key, item)| fill(redactor, item, key)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_pass_the_check_and_differ() {
        let number = card();
        let digits: Vec<u32> = number.chars().filter_map(|c| c.to_digit(10)).collect();
        let sum: u32 = digits
            .iter()
            .rev()
            .enumerate()
            .map(|(at, d)| if at % 2 == 1 { d * 2 / 10 + d * 2 % 10 } else { *d })
            .sum();
        assert_eq!((digits.len(), sum % 10), (16, 0));
        assert_ne!(card(), number);
    }

    #[test]
    fn what_stands_in_braces_is_replaced() {
        let redactor = Redactor::default();
        let path = filled(&redactor, "/a/{id}/b/{email}?x", ("{", "}"), PATH);
        let masked = redactor.mask(&path);
        let expected = "/a/‹canary id in a path›/b/‹canary email in a path›@example.com?x";
        assert_eq!(masked, expected);
        assert_eq!(filled(&redactor, "/a/{id", ("{", "}"), PATH), "/a/{id");
        assert!(is_private("reset_token") && !is_private("item"));
    }

    #[test]
    fn fields_of_a_form_are_canaries_and_its_proof_stays() {
        let redactor = Redactor::default();
        let request =
            Request::new("POST", "/signup").body("csrf_token=abc&user%5Bemail%5D=a&password=b");
        let sent = String::from_utf8(in_form(&redactor, &request).body).expect("it is text");
        assert!(sent.starts_with("csrf_token=abc&user%5Bemail%5D="), "{sent}");
        let masked = redactor.mask(&sent);
        assert!(masked.contains("‹canary password in a form›"), "{masked}");
        assert!(masked.contains("in a form›%40example%2Ecom"), "{masked}");
    }

    #[test]
    fn a_canary_is_found_in_every_form() {
        use base64::Engine;
        let redactor = Redactor::default();
        let request = Request::new("POST", "/a").body(r#"{"user":{"password":"x"},"n":1}"#);
        let sent = in_body(&redactor, &request);
        let text = String::from_utf8(sent.body).expect("it is JSON");
        assert!(redactor.mask(&text).contains("‹canary password in a body›"));
        let packed = base64::engine::general_purpose::STANDARD.encode(&text);
        assert!(redactor.mask(&packed).contains("‹canary password in a body›"));
    }
}
