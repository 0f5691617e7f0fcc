//! The health trio: is it alive, may it have traffic, and what exactly is wrong. What is known about
//! dependencies is kept on a board; asking for health never asks a dependency, so a probe is fast
//! whatever is away.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Map, Value, json};

use crate::policy::Policy;
use crate::refusal::Kept;

/// What is known about one dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    critical: bool,
    there: bool,
}

#[derive(Debug, Default)]
struct Inner {
    dependencies: RwLock<BTreeMap<String, Known>>,
    started: AtomicBool,
    hangs: AtomicBool,
    draining: AtomicBool,
}

/// What is known about the service and its dependencies. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct HealthState(Arc<Inner>);

impl HealthState {
    /// The service can serve, or no longer.
    pub fn set_started(&self, started: bool) {
        self.0.started.store(started, Ordering::Release);
    }

    /// The service runs but answers nothing.
    pub fn set_hanging(&self, hangs: bool) {
        self.0.hangs.store(hangs, Ordering::Release);
    }

    /// It is about to stop and wants no more traffic.
    pub fn drain(&self) {
        self.0.draining.store(true, Ordering::Release);
    }

    pub fn is_draining(&self) -> bool {
        self.0.draining.load(Ordering::Acquire)
    }

    /// Whether a dependency is there; new ones are added.
    pub fn set(&self, dependency: &str, critical: bool, there: bool) {
        let mut all = self.0.dependencies.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(dependency.to_owned(), Known { critical, there });
    }

    /// Looks at a dependency again and again, for as long as the runtime lives. A look that takes
    /// longer than `within` means that it is not there.
    pub async fn watch<F: Future<Output = bool>>(
        &self,
        dependency: &str,
        critical: bool,
        every: Duration,
        within: Duration,
        look: impl Fn() -> F,
    ) {
        loop {
            let there = tokio::time::timeout(within, look()).await.unwrap_or(false);
            self.set(dependency, critical, there);
            tokio::time::sleep(every).await;
        }
    }

    /// Whether something that it cannot do without is away.
    pub fn is_degraded(&self) -> bool {
        let all = self.0.dependencies.read().unwrap_or_else(PoisonError::into_inner);
        all.values().any(|known| known.critical && !known.there)
    }

    /// Not hanging.
    pub fn is_live(&self) -> bool {
        !self.0.hangs.load(Ordering::Acquire)
    }

    /// Started, alive, not draining, nothing critical away.
    pub fn is_ready(&self) -> bool {
        let started = self.0.started.load(Ordering::Acquire);
        started && self.is_live() && !self.is_draining() && !self.is_degraded()
    }

    /// Each dependency, and whether it is there.
    pub fn dependencies(&self) -> Vec<(String, bool)> {
        let all = self.0.dependencies.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(name, known)| (name.clone(), known.there)).collect()
    }
}

/// The shape of the report. Places are JSONPaths of plain members: `$.checks.database`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub path: String,
    pub healthy_status: u16,
    pub degraded_status: u16,
    pub word: String,
    pub healthy: String,
    pub degraded: String,
    /// Where each dependency stands; `$.NAME` where nothing is said.
    pub dependencies: BTreeMap<String, String>,
    /// Where the time stands; empty for none.
    pub timestamp: String,
}

impl Report {
    /// `status` is "ok" with 200 or "degraded" with 503, one member per dependency, a `timestamp`.
    pub fn at(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            healthy_status: 200,
            degraded_status: 503,
            word: "$.status".to_owned(),
            healthy: "ok".to_owned(),
            degraded: "degraded".to_owned(),
            dependencies: BTreeMap::new(),
            timestamp: "$.timestamp".to_owned(),
        }
    }

    fn body(&self, board: &HealthState) -> Value {
        let mut body = Value::Object(Map::new());
        let well = board.is_ready();
        let word = if well { &self.healthy } else { &self.degraded };
        put(&mut body, &self.word, word.as_str().into());
        for (name, there) in board.dependencies() {
            let own = format!("$.{name}");
            put(&mut body, self.dependencies.get(&name).unwrap_or(&own), there.into());
        }
        if !self.timestamp.is_empty() {
            let now = format!("{:.3}", jiff::Timestamp::now());
            put(&mut body, &self.timestamp, now.into());
        }
        body
    }
}

/// The draft "Health Check Response Format for HTTP APIs".
fn health_json(board: &HealthState) -> Value {
    let word = |well: bool| if well { "pass" } else { "fail" };
    let checks = board.dependencies().into_iter();
    let checks = checks.map(|(name, there)| (name, json!([{ "status": word(there) }])));
    json!({ "status": word(board.is_ready()), "checks": checks.collect::<Map<_, _>>() })
}

/// Puts a value where a path of plain members says; what stands in the way is replaced.
fn put(body: &mut Value, path: &str, value: Value) {
    let mut place = body;
    for name in path.trim_start_matches('$').split('.').filter(|name| !name.is_empty()) {
        let name = name.trim_matches(['[', ']', '\'', '"']);
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(members) = place else { return };
        place = members.entry(name).or_insert(Value::Null);
    }
    *place = value;
}

/// Which paths answer what the board knows.
#[derive(Debug, Clone, Default)]
pub struct Health {
    pub board: HealthState,
    pub live: Option<String>,
    pub ready: Option<String>,
    pub report: Option<Report>,
}

impl Health {
    /// The answer, when this path asks for health.
    pub fn answer<B>(&self, request: &Request<B>) -> Option<Response<Bytes>> {
        let path = request.uri().path();
        let is = |declared: &Option<String>| declared.as_deref() == Some(path);
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return None;
        }
        if is(&self.live) {
            return Some(probe(self.board.is_live(), "ok", "hanging"));
        }
        if is(&self.ready) {
            let why = if self.board.is_draining() { "draining" } else { "not ready" };
            return Some(probe(self.board.is_ready(), "ok", why));
        }
        let report = self.report.as_ref().filter(|report| report.path == path)?;
        let code =
            if self.board.is_ready() { report.healthy_status } else { report.degraded_status };
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        let accept = request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok());
        if accept.is_some_and(|accept| accept.contains("application/health+json")) {
            return Some(answer(status, "application/health+json", &health_json(&self.board)));
        }
        Some(answer(status, "application/json", &report.body(&self.board)))
    }
}

fn probe(well: bool, yes: &str, no: &str) -> Response<Bytes> {
    if well {
        answer(StatusCode::OK, "application/json", &json!({ "status": yes }))
    } else {
        let body = json!({ "status": no });
        let mut no = answer(StatusCode::SERVICE_UNAVAILABLE, "application/json", &body);
        no.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        no
    }
}

fn answer(status: StatusCode, kind: &'static str, body: &Value) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    // Yesterday's health is worse than none.
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.extensions_mut().insert(Kept);
    answer
}

impl Policy for Health {
    type State = ();

    fn request<B>(&self, request: &mut Request<B>) -> Result<(), Box<Response<Bytes>>> {
        self.answer(request).map_or(Ok(()), |answer| Err(Box::new(answer)))
    }

    fn response<B>(&self, (): (), _: &mut Response<B>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(health: &Health, path: &str) -> Option<(u16, Value)> {
        let request = Request::get(path).body(()).expect("it is sound");
        let answer = health.answer(&request)?;
        let body = serde_json::from_slice(answer.body()).expect("it is JSON");
        Some((answer.status().as_u16(), body))
    }

    #[test]
    fn the_trio_tells_what_the_board_knows() {
        let mut report = Report::at("/health");
        report.dependencies.insert("db".to_owned(), "$.checks.db".to_owned());
        let path = |text: &str| Some(text.to_owned());
        let health = Health {
            board: HealthState::default(),
            live: path("/live"),
            ready: path("/ready"),
            report: Some(report),
        };
        let board = &health.board;
        assert_eq!(get(&health, "/ready").expect("a probe").0, 503);
        board.set_started(true);
        board.set("db", true, true);
        assert_eq!(get(&health, "/ready").expect("a probe").0, 200);
        board.set("db", true, false);
        let (status, body) = get(&health, "/health").expect("a report");
        assert_eq!(
            (status, &body["status"], &body["checks"]["db"]),
            (503, &"degraded".into(), &false.into())
        );
        assert_eq!(get(&health, "/live").expect("a probe").0, 200);
        board.set("db", false, false);
        assert_eq!(get(&health, "/ready").expect("a probe").0, 200);
        board.drain();
        assert_eq!(get(&health, "/ready").expect("a probe").0, 503);
        board.set_hanging(true);
        assert_eq!(get(&health, "/live").expect("a probe").0, 503);
        assert!(get(&health, "/other").is_none());
    }
}
