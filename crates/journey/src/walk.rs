//! Walking a journey, step by step, on one connection after another.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use client::{Exchange, Peer, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::cookies::Cookies;
use crate::parse::{Entry, Journey};

/// Why a step was not as expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {method} {url}: {why}")]
pub struct WalkError {
    pub line: usize,
    pub method: String,
    pub url: String,
    pub why: String,
}

/// What stands between the parts of a multipart body.
const BOUNDARY: &str = "seaworthy-part-of-a-form";

/// Text fields as `multipart/form-data` (RFC 7578).
fn multipart(fields: &[(String, String)]) -> String {
    let part = |(name, value): &(String, String)| {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
        format!("{head}\r\n\r\n{value}\r\n")
    };
    format!("{}--{BOUNDARY}--\r\n", fields.iter().map(part).collect::<String>())
}

/// Somebody on their way: what they have captured, and their cookies.
#[derive(Debug, Clone)]
pub struct Walk {
    peer: Peer,
    variables: BTreeMap<String, String>,
    cookies: Cookies,
    within: Duration,
}

impl Walk {
    /// A new person. `{{base}}` is the service, `{{unique}}` a word of their own.
    pub fn new(peer: impl Into<Peer>, within: Duration) -> Self {
        let peer = peer.into();
        let unique: String =
            std::iter::repeat_with(|| fastrand::char('a'..='z')).take(12).collect();
        let (base, host) = (peer.base(), peer.host.clone());
        let variables = [("base", base), ("host", host), ("unique", unique)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
        Self { peer, variables, cookies: Cookies::default(), within }
    }

    /// Gives a variable a value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// The value of a variable.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Walks every step; `saw` is told of each exchange.
    ///
    /// # Errors
    /// The first step that is not as expected.
    pub async fn whole(
        &mut self,
        journey: &Journey,
        mut saw: impl FnMut(&Entry, &Exchange),
    ) -> Result<(), WalkError> {
        for entry in &journey.entries {
            let (exchange, result) = self.step(entry).await?;
            saw(entry, &exchange);
            result?;
        }
        Ok(())
    }

    /// Takes one step.
    ///
    /// # Errors
    /// When the request cannot be made; the inner result says whether its answer was as expected.
    pub async fn step(
        &mut self,
        entry: &Entry,
    ) -> Result<(Exchange, Result<(), WalkError>), WalkError> {
        let request = self.request(entry)?;
        let exchange = self.peer.once(&request, self.within).await;
        let result = self.check(entry, &exchange);
        Ok((exchange, result))
    }

    /// The request of a step, with everything filled in.
    ///
    /// # Errors
    /// When a variable is unknown or the address is not the service's.
    pub fn request(&self, entry: &Entry) -> Result<Request, WalkError> {
        let error = |why: String| wrong(entry, why);
        let fill = |text: &str| {
            self.fill(text).map_err(|name| {
                error(format!("the variable {name} has no value; capture it in an earlier step"))
            })
        };
        let url = fill(&entry.url)?;
        let mut target = match url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))
        {
            Some(rest) => {
                let (host, path) =
                    rest.find(['/', '?']).map_or((rest, "/"), |at| rest.split_at(at));
                let ours = host == self.peer.host
                    || host == format!("localhost:{}", self.peer.address.port());
                if !ours {
                    return Err(error(format!(
                        "{host} is not the service; write a path or {{{{base}}}}"
                    )));
                }
                path.to_owned()
            }
            None if url.starts_with('/') => url,
            None => return Err(error("expected a path or {{base}}".to_owned())),
        };
        for (at, (name, value)) in entry.query.iter().enumerate() {
            let separator = if at == 0 && !target.contains('?') { '?' } else { '&' };
            target.push_str(&format!(
                "{separator}{}={}",
                encode(&fill(name)?),
                encode(&fill(value)?)
            ));
        }
        let mut request = Request::new(&entry.method, &target);
        for (name, value) in &entry.headers {
            request = request.header(&fill(name)?, &fill(value)?);
        }
        if let Some((user, password)) = &entry.basic_auth {
            let login = format!("{}:{}", fill(user)?, fill(password)?);
            let login = base64::engine::general_purpose::STANDARD.encode(login);
            request = request.header("Authorization", &format!("Basic {login}"));
        }
        let own: Result<Vec<_>, WalkError> =
            entry.cookies.iter().map(|(n, v)| Ok((fill(n)?, fill(v)?))).collect();
        if let Some(cookies) = self.cookies.header(&own?) {
            request = request.header("Cookie", &cookies);
        }
        let typed = request.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-type"));
        if !entry.form.is_empty() {
            let pairs: Result<Vec<_>, WalkError> = entry
                .form
                .iter()
                .map(|(n, v)| Ok(format!("{}={}", encode(&fill(n)?), encode(&fill(v)?))))
                .collect();
            request = request.body(pairs?.join("&"));
            if !typed {
                request = request.header("Content-Type", "application/x-www-form-urlencoded");
            }
        } else if !entry.multipart.is_empty() {
            let fields: Result<Vec<_>, WalkError> =
                entry.multipart.iter().map(|(n, v)| Ok((fill(n)?, fill(v)?))).collect();
            let kind = format!("multipart/form-data; boundary={BOUNDARY}");
            request = request.body(multipart(&fields?)).header("Content-Type", &kind);
        } else if let Some(body) = &entry.body {
            let json = body.trim_start().starts_with(['{', '[']);
            request = request.body(fill(body)?);
            if json && !typed {
                request = request.header("Content-Type", "application/json");
            }
        }
        Ok(request)
    }

    /// Compares an answer with what is expected, and captures from it.
    ///
    /// # Errors
    /// What is not as expected.
    pub fn check(&mut self, entry: &Entry, exchange: &Exchange) -> Result<(), WalkError> {
        let error = |why: String| wrong(entry, why);
        let Some(status) = exchange.status() else {
            return Err(error(format!("expected an answer, found {:?}", exchange.end)));
        };
        let Some(response) = &exchange.response else {
            return Err(error("expected an answer, found none".to_owned()));
        };
        if let Some(expected) = entry.status.filter(|expected| *expected != status) {
            let text: String = response.text().chars().take(200).collect();
            return Err(error(format!("expected HTTP {expected}, found {status}: {text}")));
        }
        for (name, value) in &entry.expected_headers {
            let value =
                self.fill(value).map_err(|name| error(format!("unknown variable {name}")))?;
            let found = response.header(name).unwrap_or("nothing");
            if found != value {
                return Err(error(format!("expected {name}: {value}, found {found}")));
            }
        }
        for (line, assert) in &entry.asserts {
            let fill = |text: &str| self.fill(text).unwrap_or_else(|_| text.to_owned());
            if let Some(why) = assert.mistake_in(response, fill) {
                return Err(WalkError { line: *line, ..error(why) });
            }
        }
        self.cookies.take(response);
        for (name, query) in &entry.captures {
            let found = query.find(response).ok_or_else(|| {
                error(format!("nothing to capture for {name}: {query:?} finds nothing"))
            })?;
            let text = match found {
                Value::String(text) => text,
                other => other.to_string(),
            };
            self.variables.insert(name.clone(), text);
        }
        Ok(())
    }

    /// Fills `{{name}}` in.
    fn fill(&self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let Some(close) = rest[open..].find("}}").map(|at| open + at) else { break };
            out.push_str(&rest[..open]);
            let name = rest[open + 2..close].trim();
            match (self.variables.get(name), name) {
                (Some(value), _) => out.push_str(value),
                (None, "newUuid") => out.push_str(&uuid()),
                (None, name) => return Err(name.to_owned()),
            }
            rest = &rest[close + 2..];
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn wrong(entry: &Entry, why: String) -> WalkError {
    WalkError { line: entry.line, method: entry.method.clone(), url: entry.url.clone(), why }
}

/// A random UUID (version 4).
fn uuid() -> String {
    let n = (fastrand::u128(..) & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{n:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    fn walk() -> Walk {
        let address: std::net::SocketAddr = "127.0.0.1:8080".parse().expect("literal");
        Walk::new(address, Duration::from_secs(1))
    }

    fn entry(text: &str) -> Entry {
        parse(text).expect("it is good").entries.remove(0)
    }

    #[test]
    fn a_request_is_filled_in() {
        let mut walk = walk();
        walk.set("token", "t0");
        let text = "POST {{base}}/a?b=1\nAuthorization: Bearer {{token}}\n[Query]\nq: a b&c\n[Form]\nx: {{token}}\n";
        let request = walk.request(&entry(text)).expect("it can be made");
        assert_eq!(request.target, "/a?b=1&q=a%20b%26c");
        assert_eq!(request.headers[0].1, "Bearer t0");
        assert_eq!(request.body, b"x=t0");
    }

    #[test]
    fn another_host_and_an_unknown_variable_are_refused() {
        let error = walk().request(&entry("GET http://example.com/\n")).expect_err("another host");
        assert!(error.why.contains("is not the service"), "{error}");
        let error = walk().request(&entry("GET /{{id}}\n")).expect_err("no value");
        assert_eq!(
            error.to_string().split(';').next(),
            Some("line 1: GET /{{id}}: the variable id has no value")
        );
    }

    #[test]
    fn texts_of_a_multipart_form_become_its_parts() {
        let text = "POST /notes\n[Multipart]\ntitle: a b\nHTTP 201\n";
        let journey = crate::parse::parse(text).expect("it is good");
        let request = walk().request(&journey.entries[0]).expect("it can be made");
        let body = String::from_utf8_lossy(&request.body).into_owned();
        let expected = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\na b\r\n--{BOUNDARY}--\r\n"
        );
        assert_eq!(body, expected);
        assert!(request.headers.iter().any(|(_, kind)| kind.ends_with(BOUNDARY)));
    }

    #[test]
    fn each_person_is_unique_and_uuids_are_well_formed() {
        assert_ne!(walk().fill("{{unique}}"), walk().fill("{{unique}}"));
        let id = walk().fill("{{newUuid}}").expect("it is built in");
        assert_eq!((id.len(), &id[14..15]), (36, "4"));
    }
}
