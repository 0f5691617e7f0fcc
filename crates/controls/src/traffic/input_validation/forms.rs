//! Forms: `application/x-www-form-urlencoded` (WHATWG URL) and the text fields of
//! `multipart/form-data` (RFC 7578), odd in one field.

use std::ops::Range;

use client::Request;
use percent_encoding::percent_decode_str;

use super::generate::{Variant, variant};
use crate::surface::tour::proves_a_form;

/// What the place of a field of a form begins with.
const FIELD: &str = "field ";
/// Values as they stand in a form, without their name; those that begin with `[` make a list or an
/// object of what was a text.
const VALUES: [&str; 15] = [
    // As long as a time stamp, and no time.
    "=99999999999999",
    "=",
    "=%00",
    "=a%00b",
    "=%ff%fe",
    "=-1",
    "=99999999999999999999",
    "=1e400",
    "=1.5",
    "=2026-02-30",
    "=%27%3B+DROP+TABLE+x%3B--",
    "=..%2F..%2Fetc%2Fpasswd",
    "=%F0%9F%98%80",
    "[]=1",
    "[a]=1",
];

/// The form that a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Urlencoded,
    /// With what stands between its parts.
    Multipart(String),
}

fn kind(request: &Request) -> Option<Kind> {
    let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
    let (_, kind) = request.headers.iter().find(|(name, _)| is_type(name))?;
    if kind.starts_with("application/x-www-form-urlencoded") {
        return Some(Kind::Urlencoded);
    }
    let rest = kind.strip_prefix("multipart/form-data")?;
    let (_, boundary) = rest.split_once("boundary=")?;
    let boundary = boundary.split(';').next().unwrap_or(boundary).trim().trim_matches('"');
    Some(Kind::Multipart(boundary.to_owned()))
}

pub(super) fn is_form(request: &Request) -> bool {
    kind(request).is_some()
}

/// Every field but those that prove that the form was shown: without them, the handler is not reached.
pub(super) fn variants(base: &Request) -> Vec<Variant> {
    let Some(kind) = kind(base) else { return Vec::new() };
    let mut all = Vec::new();
    for name in names(&base.body, &kind).into_iter().filter(|name| !proves_a_form(name)) {
        let long = format!("={}", "a".repeat(20_000));
        for value in VALUES.iter().copied().chain([long.as_str()]) {
            let request = base.clone().body(with_field(&base.body, &kind, &name, value));
            let value = Some(value.to_owned());
            all.push(Variant { value, ..variant(base, request, &format!("{FIELD}{name}")) });
        }
    }
    all
}

/// The same oddity in somebody else's form.
pub(super) fn again(odd: &Variant, fresh: &Request) -> Option<Request> {
    let kind = kind(fresh)?;
    let name = odd.field.strip_prefix(FIELD)?;
    Some(fresh.clone().body(with_field(&fresh.body, &kind, name, odd.value.as_deref()?)))
}

fn names(body: &[u8], kind: &Kind) -> Vec<String> {
    match kind {
        Kind::Urlencoded => {
            let pairs = pairs(body);
            pairs.iter().filter_map(|pair| pair.split('=').next()).map(str::to_owned).collect()
        }
        Kind::Multipart(boundary) => {
            parts(body, boundary).into_iter().map(|part| part.name).collect()
        }
    }
}

/// The form with another value in one of its fields.
fn with_field(body: &[u8], kind: &Kind, field: &str, value: &str) -> Vec<u8> {
    match kind {
        Kind::Urlencoded => {
            let changed = pairs(body).into_iter().map(|pair| {
                let is_it = pair.split('=').next() == Some(field);
                if is_it { format!("{field}{value}") } else { pair }
            });
            changed.collect::<Vec<_>>().join("&").into_bytes()
        }
        Kind::Multipart(boundary) => {
            let all = parts(body, boundary);
            let Some(part) = all.iter().find(|part| part.name == field) else {
                return body.to_vec();
            };
            // The same value, but nothing is encoded here.
            let (suffix, value) = value.split_once('=').unwrap_or(("", value));
            let value: Vec<u8> = percent_decode_str(&value.replace('+', " ")).collect();
            let head = String::from_utf8_lossy(&body[part.head.clone()]);
            let named = |name: &str| format!("name=\"{name}\"");
            let head = head.replace(&named(field), &named(&format!("{field}{suffix}")));
            let before = &body[..part.head.start];
            [before, head.as_bytes(), &value, &body[part.content.end..]].concat()
        }
    }
}

fn pairs(body: &[u8]) -> Vec<String> {
    let body = String::from_utf8_lossy(body);
    body.split('&').filter(|pair| !pair.is_empty()).map(str::to_owned).collect()
}

/// A text field of a multipart form, as ranges of its body.
struct Part {
    name: String,
    /// With the empty line that ends it.
    head: Range<usize>,
    content: Range<usize>,
}

/// The parts without a file; what a file may be is another control's.
fn parts(body: &[u8], boundary: &str) -> Vec<Part> {
    let mark = format!("--{boundary}").into_bytes();
    let find = |what: &[u8], from: usize| {
        let rest = body.get(from..)?;
        rest.windows(what.len().max(1)).position(|window| window == what).map(|at| from + at)
    };
    let mut all = Vec::new();
    let mut start = find(&mark, 0);
    while let Some(at) = start {
        let begin = at + mark.len();
        let next = find(&mark, begin);
        if let (Some(next), Some(blank)) = (next, find(b"\r\n\r\n", begin)) {
            let (head, content) = (begin..blank + 4, blank + 4..next.saturating_sub(2));
            let text = String::from_utf8_lossy(&body[head.clone()]).into_owned();
            let name = text.split("name=\"").nth(1).and_then(|rest| rest.split('"').next());
            if let Some(name) = name.filter(|_| !text.contains("filename"))
                && content.start <= content.end
            {
                all.push(Part { name: name.to_owned(), head, content });
            }
        }
        start = next;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_forms_are_varied_and_what_proves_the_form_stays() {
        let form = |name: &str| {
            Request::new("POST", "/signup")
                .header("Content-Type", "application/x-www-form-urlencoded")
                .body(format!("csrf_token=t&name={name}&age=3"))
        };
        let all = variants(&form("one"));
        let null =
            all.iter().find(|v| v.field == "field name" && v.value.as_deref() == Some("=%00"));
        let null = null.expect("it is among them");
        assert_eq!(null.request.body, b"csrf_token=t&name=%00&age=3");
        assert!(all.iter().all(|v| v.field != "field csrf_token"));
        let list =
            all.iter().find(|v| v.field == "field age" && v.value.as_deref() == Some("[]=1"));
        let again = again(list.expect("it is among them"), &form("two")).expect("it can be");
        assert_eq!(again.body, b"csrf_token=t&name=two&age[]=1");
    }

    #[test]
    fn so_are_the_texts_of_a_multipart_form() {
        let form = |name: &str| {
            let body = format!(
                "--b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n{name}\r\n\
                 --b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\nx\r\n--b--\r\n"
            );
            Request::new("POST", "/a")
                .header("Content-Type", "multipart/form-data; boundary=b")
                .body(body)
        };
        let all = variants(&form("one"));
        assert!(all.iter().all(|v| v.field == "field name"), "the file is left alone");
        let with = |value: &str| {
            let odd = all.iter().find(|v| v.value.as_deref() == Some(value)).expect("it is there");
            again(odd, &form("two")).expect("it can be").body
        };
        let text = |body: Vec<u8>| String::from_utf8_lossy(&body).into_owned();
        assert!(text(with("=a%00b")).contains("name=\"name\"\r\n\r\na\0b\r\n--b\r\n"));
        assert!(text(with("[]=1")).contains("name=\"name[]\"\r\n\r\n1\r\n--b\r\n"));
        assert!(text(with("[]=1")).ends_with("filename=\"a\"\r\n\r\nx\r\n--b--\r\n"));
    }
}
