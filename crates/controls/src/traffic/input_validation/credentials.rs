//! Requests without their credentials, or with ones that no log-in gave out: the door must refuse
//! them and not break.

use client::Request;

use super::generate::{Variant, variant};

/// What the place of a header begins with.
const HEADER: &str = "header ";
/// Tokens that are none: empty, of another scheme, and JSON Web Tokens (RFC 7519) that are cut, not
/// base64, without a signature, or of another type.
const TOKENS: [&str; 7] = [
    "",
    "Bearer",
    "Bearer x",
    "Bearer a.b.c",
    "Bearer eyJhbGciOiJub25lIn0.e30.",
    "Bearer eyJhbGciOiJIUzI1NiJ9.bnVsbA.AAAA",
    "Basic !",
];
const VALUES: [&str; 3] = ["", "x", "%00"];

/// Each request without its credentials; the first with each sort of them with odd ones as well,
/// because one door stands before all.
pub(super) fn variants(bases: &[Request]) -> Vec<Variant> {
    let mut all = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for base in bases {
        let held: Vec<&String> =
            base.headers.iter().map(|(name, _)| name).filter(|name| is_credential(name)).collect();
        if held.is_empty() {
            continue;
        }
        let bare = held.iter().fold(base.clone(), |request, name| without(request, name));
        all.push(variant(base, bare, "no credentials"));
        for name in held {
            let name = name.to_ascii_lowercase();
            if seen.contains(&name) {
                continue;
            }
            let values = if name == "authorization" { &TOKENS[..] } else { &VALUES[..] };
            for value in values {
                let odd = odd_value(base, &name, value);
                let request = without(base.clone(), &name).header(&name, &odd);
                let value = Some((*value).to_owned());
                all.push(Variant { value, ..variant(base, request, &format!("{HEADER}{name}")) });
            }
            seen.push(name);
        }
    }
    all
}

/// The same in somebody else's request, where it is one of these.
pub(super) fn again(odd: &Variant, fresh: &Request) -> Option<Request> {
    if odd.field == "no credentials" {
        let held = fresh.headers.iter().map(|(name, _)| name.clone());
        let held: Vec<_> = held.filter(|name| is_credential(name)).collect();
        return Some(held.iter().fold(fresh.clone(), |request, name| without(request, name)));
    }
    let name = odd.field.strip_prefix(HEADER)?;
    let value = odd_value(fresh, name, odd.value.as_deref()?);
    Some(without(fresh.clone(), name).header(name, &value))
}

/// Every cookie keeps its name.
fn odd_value(request: &Request, name: &str, value: &str) -> String {
    if name != "cookie" {
        return value.to_owned();
    }
    let own = request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let cookies = own.map_or("", |(_, cookies)| cookies).split(';');
    let names = cookies.filter_map(|cookie| cookie.split('=').next());
    names.map(|name| format!("{}={value}", name.trim())).collect::<Vec<_>>().join("; ")
}

fn is_credential(header: &str) -> bool {
    let name = header.to_ascii_lowercase();
    matches!(name.as_str(), "authorization" | "cookie")
        || ["token", "api-key", "apikey", "x-auth"].iter().any(|word| name.contains(word))
            && !["csrf", "xsrf"].iter().any(|word| name.contains(word))
}

fn without(mut request: Request, name: &str) -> Request {
    request.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_sent_bare_and_the_first_with_odd_tokens() {
        let base = |path: &str| Request::get(path).header("Authorization", "Bearer one");
        let all = variants(&[base("/a"), base("/b"), Request::get("/c")]);
        assert_eq!(all.iter().filter(|v| v.field == "no credentials").count(), 2);
        assert_eq!(all.iter().filter(|v| v.field == "header authorization").count(), TOKENS.len());
        let odd = all.iter().find(|v| v.value.as_deref() == Some("Bearer a.b.c")).expect("one");
        let again = again(odd, &base("/a")).expect("it can be");
        assert_eq!(again.headers, [("authorization".to_owned(), "Bearer a.b.c".to_owned())]);
    }

    #[test]
    fn odd_cookies_keep_their_names_and_anti_forgery_tokens_are_no_credentials() {
        let base =
            Request::get("/a").header("Cookie", "sid=1; theme=dark").header("X-CSRF-Token", "t");
        let all = variants(&[base]);
        assert_eq!(all.len(), 1 + VALUES.len());
        let null = all.iter().find(|v| v.value.as_deref() == Some("%00")).expect("one");
        let cookie = null.request.headers.iter().find(|(name, _)| name == "cookie");
        assert_eq!(cookie.expect("it has one").1, "sid=%00; theme=%00");
    }
}
