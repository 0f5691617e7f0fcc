//! The identity of every control that Seaworthy has or will have: id, family, risk, promise.
//!
//! The order is the order of the documentation. A control that is not built yet stands here all
//! the same, so that a manifest may already name it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much a broken promise hurts.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    Critical,
    High,
    Medium,
    Low,
}

impl Risk {
    /// The weight in the score (OpenSSF Scorecard's scale).
    pub fn weight(self) -> f64 {
        match self {
            Self::Critical => 10.0,
            Self::High => 7.5,
            Self::Medium => 5.0,
            Self::Low => 2.5,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// A folder of controls.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    Lifecycle,
    Configuration,
    Dependencies,
    Access,
    Traffic,
    Observability,
    Integrations,
    Data,
    Performance,
    Release,
}

impl Family {
    pub fn word(self) -> &'static str {
        match self {
            Self::Lifecycle => "lifecycle",
            Self::Configuration => "configuration",
            Self::Dependencies => "dependencies",
            Self::Access => "access",
            Self::Traffic => "traffic",
            Self::Observability => "observability",
            Self::Integrations => "integrations",
            Self::Data => "data",
            Self::Performance => "performance",
            Self::Release => "release",
        }
    }
}

/// One control's identity.
#[derive(Debug)]
pub struct Entry {
    pub id: &'static str,
    pub family: Family,
    pub risk: Risk,
    /// The property that holds when the control passes.
    pub promise: &'static str,
}

/// The entry with this id.
pub fn find(id: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.id == id)
}

const fn entry(id: &'static str, family: Family, risk: Risk, promise: &'static str) -> Entry {
    Entry { id, family, risk, promise }
}

use Family::{
    Access, Configuration, Data, Dependencies, Integrations, Lifecycle, Observability, Performance,
    Release, Traffic,
};
use Risk::{Critical, High, Low, Medium};

/// Every control, in the order of the documentation.
pub const ENTRIES: &[Entry] = &[
    entry("startup", Lifecycle, High, "it starts every time, within its limit (5 s by default)"),
    entry("graceful-shutdown", Lifecycle, Critical, "a stop signal drops no request"),
    entry(
        "crash-safety",
        Lifecycle,
        Critical,
        "what it acknowledged survives kill -9, and it starts again",
    ),
    entry("liveness", Lifecycle, High, "the liveness probe answers fast and depends on nothing"),
    entry(
        "readiness",
        Lifecycle,
        Critical,
        "readiness says no while a critical dependency is away, and yes again without a restart",
    ),
    entry(
        "health-report",
        Lifecycle,
        Medium,
        "/health tells the truth in its declared shape (by default 200 \"ok\" or 503 \"degraded\", one boolean per dependency, a timestamp)",
    ),
    entry(
        "resources",
        Lifecycle,
        Medium,
        "memory, descriptors and connections do not grow under steady load",
    ),
    entry(
        "environment",
        Configuration,
        Critical,
        "it refuses to start when a required variable is absent, empty or malformed, and names it",
    ),
    entry(
        "secrets",
        Configuration,
        Critical,
        "no secret is a default, weak, committed or missing in production",
    ),
    entry(
        "secret-rotation",
        Configuration,
        Medium,
        "a rotated key is accepted beside the old one, then the old one is refused; rotations are logged with their age",
    ),
    entry(
        "feature-flags",
        Configuration,
        Medium,
        "experimental features are off unless turned on; a required flag that is off refuses",
    ),
    entry(
        "kill-switches",
        Configuration,
        High,
        "a switch turns its feature off with 503 and its own code, and nothing else",
    ),
    entry(
        "preflight",
        Dependencies,
        High,
        "every declared dependency is reachable and answers its protocol before exposure",
    ),
    entry(
        "dependency-outage",
        Dependencies,
        Critical,
        "while a critical dependency is away, requests fail fast and clean, and service resumes by itself",
    ),
    entry(
        "degradation",
        Dependencies,
        High,
        "an optional dependency's loss degrades, it does not break",
    ),
    entry("slow-dependency", Dependencies, High, "a slow dependency does not hang the service"),
    entry(
        "connection-pool",
        Dependencies,
        High,
        "the pool is bounded, exhaustion is answered, nothing leaks",
    ),
    entry(
        "token-verification",
        Access,
        Critical,
        "only well-signed, current tokens for this audience are accepted",
    ),
    entry(
        "websocket-auth",
        Access,
        High,
        "WebSocket accepts and refuses exactly what HTTP does, and closes when the token expires",
    ),
    entry(
        "refresh-rotation",
        Access,
        High,
        "a used refresh token is worthless, and its reuse ends the family",
    ),
    entry(
        "account-lockout",
        Access,
        High,
        "guessing is stopped per account, without locking the victim out for ever",
    ),
    entry(
        "password-policy",
        Access,
        High,
        "passwords are hashed slowly and salted, weak ones refused, resets single-use and short-lived, sessions end on change",
    ),
    entry(
        "tenant-isolation",
        Access,
        Critical,
        "one user or tenant never reads or writes another's objects",
    ),
    entry(
        "role-enforcement",
        Access,
        Critical,
        "a role reaches only what it may: a user never an administrator's routes or fields",
    ),
    entry(
        "exposure",
        Access,
        High,
        "internal routes, docs, metrics, databases and caches are not public in production",
    ),
    entry(
        "https-only",
        Traffic,
        High,
        "plain HTTP is redirected, HSTS is set, certificates are valid",
    ),
    entry(
        "security-headers",
        Traffic,
        Medium,
        "the headers that matter for its content are on every answer, errors too",
    ),
    entry("cors", Traffic, High, "only the declared origins are allowed"),
    entry(
        "rate-limits",
        Traffic,
        High,
        "each route's limit holds, cannot be dodged, and does not hit others",
    ),
    entry(
        "body-limits",
        Traffic,
        Medium,
        "oversized, slow and malformed bodies are refused cheaply",
    ),
    entry(
        "input-validation",
        Traffic,
        High,
        "no input makes it fail: hostile and generated input gets 4xx, never 5xx",
    ),
    entry("uploads", Traffic, Medium, "uploads are checked by size, type and content"),
    entry("pagination", Traffic, Medium, "every list is bounded"),
    entry(
        "api-versions",
        Traffic,
        Low,
        "the API is versioned and unknown versions are refused clearly",
    ),
    entry("compression", Traffic, Low, "text is compressed, static files cacheable"),
    entry(
        "error-envelope",
        Observability,
        High,
        "every error has one shape with code, message and status, and leaks nothing",
    ),
    entry(
        "error-mapping",
        Observability,
        Medium,
        "duplicates are 409, bad references 4xx, conflicts retryable: database errors become stable codes",
    ),
    entry(
        "correlation-ids",
        Observability,
        High,
        "every request has an id, echoed, and found again in the logs",
    ),
    entry(
        "private-logs",
        Observability,
        Critical,
        "no password, token, card or personal datum reaches logs or error reports",
    ),
    entry(
        "metrics",
        Observability,
        Medium,
        "rate, errors, duration and saturation are exported with route templates",
    ),
    entry(
        "structured-logs",
        Observability,
        Medium,
        "every line is a record with time, level, message and request id, one line each, rotated or to stdout",
    ),
    entry(
        "audit-log",
        Observability,
        Medium,
        "changes by people leave who, what, when, and cannot be changed by the service's own users",
    ),
    entry(
        "error-reporting",
        Observability,
        Medium,
        "a real failure reaches the error tracker, once, scrubbed, with its correlation id",
    ),
    entry(
        "alerts",
        Observability,
        High,
        "the alert fires when its condition holds, and stops when it ends",
    ),
    entry(
        "webhook-signatures",
        Integrations,
        Critical,
        "only genuine, fresh deliveries are accepted",
    ),
    entry(
        "webhook-idempotency",
        Integrations,
        Critical,
        "each event takes effect once, whatever is redelivered",
    ),
    entry(
        "upstream-timeouts",
        Integrations,
        High,
        "a third party that hangs cannot hang a request (3,500 ms by default)",
    ),
    entry(
        "fallback",
        Integrations,
        High,
        "when a third party fails, the last good answer is served and marked isFallback: true",
    ),
    entry(
        "push-delivery",
        Integrations,
        Medium,
        "pushes are retried with backoff, three times, and dead tokens are dropped",
    ),
    entry("email-delivery", Integrations, Medium, "mail is sent once, paced, and retried"),
    entry(
        "receipt-validation",
        Integrations,
        Medium,
        "purchase receipts are validated once, with retries; subscriptions are reconciled",
    ),
    entry(
        "background-jobs",
        Integrations,
        High,
        "a job runs once, is retried with backoff, survives kill -9, and ends in a dead letter that is seen",
    ),
    entry(
        "migrations",
        Data,
        Critical,
        "up, down and up again give the same schema; they lock nothing for long; the old release still works on the new schema",
    ),
    entry(
        "backups",
        Data,
        Critical,
        "a backup is taken, complete, encrypted, off the host, and kept as declared (7 daily, 4 weekly, 12 monthly)",
    ),
    entry(
        "restore",
        Data,
        Critical,
        "a backup restores into a fresh server, equals its source, and the service boots on it, within RPO and RTO",
    ),
    entry("invariants", Data, Critical, "nothing is oversold, doubled or lost under concurrency"),
    entry(
        "query-growth",
        Data,
        Medium,
        "queries do not grow with the rows (no N+1) and use indexes",
    ),
    entry(
        "erasure",
        Data,
        High,
        "a person's data can be exported, and is gone everywhere after erasure",
    ),
    entry("retention", Data, Medium, "what is older than declared is gone after the declared job"),
    entry(
        "redeploy-safety",
        Data,
        High,
        "what was acknowledged survives a redeployment onto an empty disk",
    ),
    entry("journeys", Performance, Critical, "every declared user path passes"),
    entry(
        "load-targets",
        Performance,
        High,
        "p95 and errors hold at the declared rate (p95 < 200 ms, errors < 0.1 %)",
    ),
    entry(
        "capacity",
        Performance,
        Low,
        "how much it takes before the targets break is known, and overload is shed",
    ),
    entry(
        "cache-hits",
        Performance,
        Medium,
        "cached routes hit above 80 %, and the cache rebuilds itself",
    ),
    entry(
        "websocket-load",
        Performance,
        Medium,
        "the declared number of sockets stays connected and served",
    ),
    entry(
        "gates",
        Release,
        High,
        "nothing ships without its gates: lint, types, tests, audit, score",
    ),
    entry("smoke", Release, High, "the critical journeys pass on what was just deployed"),
    entry("zero-downtime", Release, Critical, "a deployment fails no request and cuts no socket"),
    entry(
        "rollback",
        Release,
        Critical,
        "a bad release is noticed and undone by itself, in minutes",
    ),
    entry(
        "maintenance",
        Release,
        Low,
        "maintenance answers 503 with Retry-After, lets operators in, ends",
    ),
    entry("handoff", Release, Low, "documents, env examples and runbooks exist and match reality"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_kebab_case() {
        let mut ids: Vec<_> = ENTRIES.iter().map(|entry| entry.id).collect();
        assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')));
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), count);
    }
}
