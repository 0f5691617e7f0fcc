//! What a service lacks, as tower layers: one per file, each usable by itself in an axum or hyper
//! service, and all together in the edge of `seaworthy run`.
//!
//! ```
//! use axum::{Router, routing::get};
//! use layers::{Correlation, Policy, SecurityHeaders};
//!
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .layer(SecurityHeaders::default().layer())
//!     .layer(Correlation::default().layer());
//! ```
//! The last layer is the outermost: here every answer has an id, whoever gave it.
//!
//! Most layers only look at the heads of a request and its answer: those are a [`Policy`], which is
//! two functions without any future. What must wait or count is a service of its own.

mod access_log;
mod alarm;
mod body;
mod body_limits;
mod caller;
mod client_certificates;
mod compression;
mod concurrency;
mod correlation;
mod cors;
mod deadline;
mod envelope;
mod flags;
mod gates;
mod health;
mod https;
pub mod list;
mod lockout;
mod metrics;
mod observe;
mod ofrep;
mod policy;
mod pre_encoded;
mod rate_limit;
mod refusal;
mod route_pattern;
mod routes;
mod security_headers;
mod shared_store;
pub mod sqlstate;
mod timed_body;
mod tokens;
mod waiting_policy;

pub use access_log::AccessLog;
pub use alarm::{Alarm, Alarms};
pub use body::{Held, Watch};
pub use body_limits::{BodyLimits, BodyLimitsLayer, BodyLimitsService, Bounded, Overrun};
pub use client_certificates::ClientCertificates;
pub use compression::{Compressed, CompressionLayer, CompressionService, Worth};
pub use concurrency::{Concurrency, ConcurrencyLayer, Permit};
pub use correlation::Correlation;
pub use cors::Cors;
pub use deadline::{Deadline, DeadlineLayer};
pub use envelope::{Envelope, EnvelopeLayer, Shape};
pub use flags::{Evaluation, Flag, Flags, Setting};
pub use gates::{Gate, Gates};
pub use health::{Health, HealthState, Report};
pub use https::Https;
pub use lockout::{AccountPlace, LockoutLayer, LockoutRule, LockoutService, Lockouts, Patience};
pub use metrics::{Metrics, SocketMetrics};
pub use observe::{Observe, ObserveLayer, ObserveService, Served, Sink, Watching};
pub use ofrep::Ofrep;
pub use policy::{Policy, PolicyLayer, PolicyService};
pub use rate_limit::{Counts, LimitKey, LimitRule, Limits, Quota, RateLimits, WouldRefuse};
pub use refusal::{Kept, Refusal};
pub use route_pattern::RoutePattern;
pub use routes::Routes;
pub use security_headers::SecurityHeaders;
pub use shared_store::{SharedScript, SharedStore, Without};
pub use timed_body::TimedBody;
pub use tokens::{
    Access, AccessClaims, AccessRule, KeySet, KeySetTimes, KeySource, Keys, Revoked, TokenChecks,
    TokenPlace, Tokens, Verified,
};
pub use waiting_policy::{
    AtOnce, Pending, Step, WaitingFuture, WaitingLayer, WaitingPolicy, WaitingService,
};
