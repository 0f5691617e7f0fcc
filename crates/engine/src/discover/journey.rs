//! A first journey: requests that are described or declared, and that succeeded when they were tried.

use std::time::Duration;

use client::{Peer, Request};
use serde_json::Value;

use super::Discovered;

const WITHIN: Duration = Duration::from_secs(5);
/// So many that write and that read say enough.
const WRITES: usize = 2;
const READS: usize = 4;
/// So many are tried at most.
const TRIED: usize = 40;
/// What signs out, and what a journey must not begin with.
const NOT_FIRST: [&str; 4] = ["logout", "log-out", "signout", "shutdown"];

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
    // What writes comes first, so that lists hold something.
    all.sort_by_key(|request| request.method != "POST");
    let (mut writes, mut reads, mut text) = (0, 0, String::new());
    for request in all.into_iter().take(TRIED) {
        let (count, most) = match request.method.as_str() {
            "POST" => (&mut writes, WRITES),
            "GET" => (&mut reads, READS),
            _ => continue,
        };
        if *count >= most {
            continue;
        }
        let tried = Request { body: filled(&request.body).into_bytes(), ..request.clone() };
        let status = peer.once(&tried, WITHIN).await.status();
        if let Some(status) = status.filter(|status| (200..300).contains(status)) {
            *count += 1;
            text.push_str(&step(&request, status));
        }
    }
    if text.is_empty() {
        let path = found.ready.as_deref()?;
        let status = peer.once(&Request::get(path), WITHIN).await.status()?;
        text = step(&Request::get(path), status);
    }
    Some(text)
}

/// A step as it stands in a `.hurl` file.
fn step(request: &Request, status: u16) -> String {
    let mut text = format!("{} {}\n", request.method, request.target);
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    if !request.body.is_empty() {
        text.push_str(&String::from_utf8_lossy(&request.body));
        text.push('\n');
    }
    text + &format!("HTTP {status}\n\n")
}

/// A body with the word of somebody in the place of `{{unique}}`.
fn filled(body: &[u8]) -> String {
    let word: String = std::iter::repeat_with(fastrand::lowercase).take(10).collect();
    String::from_utf8_lossy(body).replace("{{unique}}", &word)
}
