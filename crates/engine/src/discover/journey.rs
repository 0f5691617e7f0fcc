//! A first journey: requests that are described, kept in a collection or declared, and that
//! succeeded when they were tried. What an answer gave and a later request needs is captured.

mod captured;

use std::time::Duration;

use client::{Peer, Request};
use serde_json::Value;

use super::Discovered;
use captured::Known;

const WITHIN: Duration = Duration::from_secs(5);
/// So many that write and that read say enough.
const WRITES: usize = 4;
const READS: usize = 4;
/// So many are tried at most.
const TRIED: usize = 40;
/// What signs out, and what a journey must not begin with.
const NOT_FIRST: [&str; 4] = ["logout", "log-out", "signout", "shutdown"];
/// Words of paths that make a person, and that let one in.
const SIGN_UP: [&str; 5] = ["register", "signup", "sign-up", "sign_up", "/users"];
const LOG_IN: [&str; 7] = ["login", "log-in", "signin", "sign-in", "/token", "/session", "/auth"];

/// The journey as text; `None` when nothing succeeded.
pub(super) async fn first(
    peer: &Peer,
    document: Option<&Value>,
    routes: Vec<Request>,
    found: &Discovered,
) -> Option<String> {
    let described = document.map(controls::described_requests).unwrap_or_default();
    let mut all: Vec<Request> = described.into_iter().chain(routes).collect();
    let probe = |path: &str| [&found.ready, &found.live].iter().any(|p| p.as_deref() == Some(path));
    all.retain(|request| {
        let path = request.target.split('?').next().unwrap_or_default().to_owned();
        !probe(&path) && !NOT_FIRST.iter().any(|word| path.to_ascii_lowercase().contains(word))
    });
    all.sort_by_key(place);
    let mut known = Known::default();
    let mut steps: Vec<Step> = Vec::new();
    for (at, request) in all.iter().enumerate().take(TRIED) {
        let most = match request.method.as_str() {
            "POST" => WRITES,
            "GET" => READS,
            _ => continue,
        };
        let same = |step: &&Step| step.request.method == request.method;
        let again = steps.iter().any(|step| step.request == *request);
        if again || steps.iter().filter(same).count() >= most || !known.has_all(request) {
            continue;
        }
        let answer = peer.once(&known.filled(request), WITHIN).await;
        let status = answer.status().filter(|status| (200..300).contains(status));
        let Some(status) = status else { continue };
        let body = answer.response.map(|response| response.body).unwrap_or_default();
        let captures = known.learn(&body, &all[at + 1..]);
        steps.push(Step { request: request.clone(), status, captures });
    }
    if steps.is_empty() {
        let request = Request::get(found.ready.as_deref()?);
        let status = peer.once(&request, WITHIN).await.status()?;
        steps.push(Step { request, status, captures: Vec::new() });
    }
    Some(steps.iter().map(Step::text).collect())
}

/// Sign-up, log-in, what writes, so that lists hold something, then what reads.
fn place(request: &Request) -> u8 {
    let path = request.target.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| path.contains(word));
    match request.method.as_str() {
        "POST" if has(&LOG_IN) && !has(&SIGN_UP) => 1,
        "POST" if has(&SIGN_UP) => 0,
        "POST" => 2,
        _ => 3,
    }
}

/// One step that succeeded.
struct Step {
    request: Request,
    status: u16,
    /// A name, and the query that gives its value.
    captures: Vec<(String, String)>,
}

impl Step {
    /// As it stands in a `.hurl` file.
    fn text(&self) -> String {
        let Self { request, status, captures } = self;
        let mut text = format!("{} {}\n", request.method, request.target);
        for (name, value) in &request.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if !request.body.is_empty() {
            text.push_str(&String::from_utf8_lossy(&request.body));
            text.push('\n');
        }
        text.push_str(&format!("HTTP {status}\n"));
        if !captures.is_empty() {
            text.push_str("[Captures]\n");
        }
        for (name, query) in captures {
            text.push_str(&format!("{name}: jsonpath \"{query}\"\n"));
        }
        text + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_made_before_they_log_in_and_write_before_they_read() {
        let mut all: Vec<_> = [
            ("GET", "/items"),
            ("POST", "/items"),
            ("POST", "/auth/login"),
            ("POST", "/auth/register"),
        ]
        .map(|(method, path)| Request::new(method, path))
        .into();
        all.sort_by_key(place);
        let paths: Vec<_> = all.iter().map(|request| request.target.as_str()).collect();
        assert_eq!(paths, ["/auth/register", "/auth/login", "/items", "/items"]);
    }

    #[test]
    fn a_step_is_a_hurl_entry() {
        let step = Step {
            request: Request::new("POST", "/login").header("X-A", "1").body("{}"),
            status: 200,
            captures: vec![("token".into(), "$.access_token".into())],
        };
        let expected = "POST /login\nX-A: 1\n{}\nHTTP 200\n[Captures]\ntoken: jsonpath \
                        \"$.access_token\"\n\n";
        assert_eq!(step.text(), expected);
        assert!(journey::parse::parse(&step.text()).is_ok());
    }
}
