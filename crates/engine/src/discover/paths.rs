//! The usual paths, asked at run time.

use std::time::Duration;

use client::{Peer, Request, Response};
use serde_json::Value;

use super::Discovered;

const WITHIN: Duration = Duration::from_secs(5);
/// The most telling first.
const READY: [&str; 12] = [
    "/health/ready",
    "/ready",
    "/readyz",
    "/actuator/health/readiness",
    "/actuator/health",
    "/api/health",
    "/healthz",
    "/health",
    "/api/healthz",
    "/status",
    "/ping",
    "/up",
];
const LIVE: [&str; 9] = [
    "/health/live",
    "/live",
    "/livez",
    "/actuator/health/liveness",
    "/actuator/health",
    "/healthz",
    "/health",
    "/api/health",
    "/ping",
];
const DOCUMENTS: [&str; 8] = [
    "/openapi.json",
    "/v3/api-docs",
    "/swagger.json",
    "/api-json",
    "/docs-json",
    "/docs/json",
    "/api/openapi.json",
    "/swagger/v1/swagger.json",
];
const METRICS: [&str; 2] = ["/metrics", "/actuator/prometheus"];
/// Nobody has it.
const NOWHERE: &str = "/seaworthy-no-such-path";

/// Asks, and keeps what was answered. The description of the interface, where there is one.
pub(super) async fn ask(peer: &Peer, found: &mut Discovered) -> Option<Value> {
    let root = get(peer, "/").await;
    found.pages = root.as_ref().is_some_and(is_page);
    // Where everything is answered with 200, an answer says nothing.
    let catches_all = get(peer, NOWHERE).await.is_some_and(|answer| answer.status == 200);
    let root_is_fine = root.as_ref().is_some_and(|answer| (200..400).contains(&answer.status));
    if !catches_all {
        found.ready = first(peer, &READY).await;
        found.live = first(peer, &LIVE).await;
        for path in METRICS {
            let answer = get(peer, path).await.filter(|answer| answer.status == 200);
            if answer.is_some_and(|answer| answer.text().contains("# TYPE ")) {
                found.metrics = Some(path.to_owned());
                break;
            }
        }
    }
    if found.ready.is_none() && root_is_fine {
        found.ready = Some("/".to_owned());
    }
    for path in DOCUMENTS {
        let answer = get(peer, path).await.filter(|answer| answer.status == 200);
        let document = answer.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
        if let Some(document) = document.filter(|document| document["paths"].is_object()) {
            found.document = Some(path.to_owned());
            return Some(document);
        }
    }
    None
}

async fn first(peer: &Peer, paths: &[&str]) -> Option<String> {
    for path in paths {
        if get(peer, path).await.is_some_and(|answer| answer.status == 200) {
            return Some((*path).to_owned());
        }
    }
    None
}

async fn get(peer: &Peer, path: &str) -> Option<Response> {
    peer.once(&Request::get(path).header("Accept", "*/*"), WITHIN).await.response
}

fn is_page(answer: &Response) -> bool {
    answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
}
