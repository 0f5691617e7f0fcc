//! The whole order of the edge's layers, in one function.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderName, Request, Response};
use hyper::body::Incoming;
use layers::{
    BodyLimits, BodyLimitsLayer, Concurrency, ConcurrencyLayer, Correlation, Cors, Deadline,
    DeadlineLayer, Envelope, EnvelopeLayer, Gates, Held, Https, Observe, Place, PolicyLayer,
    SecurityHeaders,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::answer::Answer;
use crate::entry::{Entry, Range};
use crate::outage::{Outage, OutageLayer};
use crate::own::Own;
use crate::proxy::{Proxy, Tunnels};
use crate::upstream::Pool;

/// What stands before the service on one listener: everything that may be turned on, and is or not.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) observe: Observe,
    pub(crate) correlation: Option<Correlation>,
    pub(crate) security_headers: Option<SecurityHeaders>,
    pub(crate) cors: Option<Cors>,
    pub(crate) own: Own,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) trusted: Arc<Vec<Range>>,
    pub(crate) proto: HeaderName,
    pub(crate) https: Option<Https>,
    pub(crate) concurrency: Concurrency,
    pub(crate) gates: Option<Gates>,
    pub(crate) outage: Option<Outage>,
    pub(crate) body_limits: BodyLimits,
    pub(crate) deadline: Option<Deadline>,
}

/// The body of an answer when it leaves the stack.
pub(crate) type Body = Held<Answer, Place>;

/// The service with everything before it, for one connection. From the inside to the outside, as
/// an answer passes; a request comes the other way. Around it, [`crate::worker`] puts compression,
/// where it is supplied, and the observer: they see what really goes out.
pub(crate) fn stack(
    parts: &Parts,
    peer: IpAddr,
    pool: Pool,
    tunnels: &Tunnels,
) -> impl Service<
    Request<Incoming>,
    Response = Response<Body>,
    Error = Infallible,
    Future: Send + 'static,
> + Send
+ 'static {
    let service = Proxy { pool, tunnels: tunnels.clone() };
    // Innermost, because waiting for the service is all that it bounds.
    let service = DeadlineLayer(parts.deadline.clone()).layer(service);
    // Around the deadline, so that a body that breaks its bounds is told so, whatever came of it.
    let service = BodyLimitsLayer(parts.body_limits).layer(service);
    // Sees the deadline's refusals and the service's failures alike.
    let service = OutageLayer(parts.outage.clone()).layer(service);
    // A feature that is off costs the service nothing.
    let service = PolicyLayer::optional(parts.gates.clone()).layer(service);
    // Counts what goes to the service, and nothing that is refused further out.
    let service = ConcurrencyLayer(parts.concurrency.clone()).layer(service);
    // Probes need no place, and whoever comes over plain HTTP is not told about health either.
    let service = PolicyLayer::optional(Some(parts.own.clone())).layer(service);
    // Nobody is let further over plain HTTP, not even to learn that all places are taken.
    let service = PolicyLayer::optional(parts.https.clone()).layer(service);
    // Before everything that believes a header: what is ambiguous or forged ends here.
    let entry = Entry::new(peer, &parts.trusted, parts.proto.clone());
    let service = PolicyLayer::optional(Some(entry)).layer(service);
    // Gives all errors from further in their shape, the refusals of layers included.
    let service = EnvelopeLayer(parts.envelope.clone()).layer(service);
    // A page of another origin may read errors, too.
    let service = PolicyLayer::optional(parts.cors.clone()).layer(service);
    // On every answer, whoever gave it.
    let service = PolicyLayer::optional(parts.security_headers.clone()).layer(service);
    // Outermost of all that answers: everything further in has an id.
    PolicyLayer::optional(parts.correlation.clone()).layer(service)
}
