//! The whole order of the edge's layers, in one function.

use std::convert::Infallible;
use std::sync::Arc;

use http::{HeaderName, Request, Response};
use layers::{
    BodyLimits, BodyLimitsLayer, ClientCertificates, Concurrency, ConcurrencyLayer, Correlation,
    Cors, DeadlineLayer, EnvelopeLayer, Gates, Held, Https, Limits, LockoutLayer, Observe, Permit,
    Policy, PolicyLayer, RoutePattern, SecurityHeaders, Tokens, WaitingLayer,
};
use tower_layer::Layer;
use tower_service::Service;

use crate::answer::Answer;
use crate::ingress_check::{Entry, Range};
use crate::lingering::{Lingering, Trailers};
use crate::outage::{Outage, OutageLayer};
use crate::own_paths::Own;
use crate::proxy::Proxy;
use crate::tunnels::Tunnels;
use crate::upstream::Pool;
use crate::worker::Client;

/// What stands before the service on one listener: everything that may be turned on, and is or not.
#[derive(Debug)]
pub(crate) struct Parts {
    /// How many headers an answer gets from all of it, about.
    pub(crate) added: usize,
    /// What comes after the bodies of requests.
    pub(crate) trailers: Trailers,
    /// Outermost of all: whatever is observed or answered has an id.
    pub(crate) correlation: Option<Correlation>,
    pub(crate) observe: Observe,
    pub(crate) outer: PolicyLayer<Outer>,
    pub(crate) envelope: EnvelopeLayer,
    pub(crate) trusted: Arc<Vec<Range>>,
    pub(crate) proto: HeaderName,
    pub(crate) inner: Arc<Inner>,
    /// Routes for those only who show a certificate, where clients may show any.
    pub(crate) certified: Option<Arc<Vec<RoutePattern>>>,
    pub(crate) callers: WaitingLayer<Callers>,
    pub(crate) lockouts: LockoutLayer,
    pub(crate) concurrency: Concurrency,
    pub(crate) gates: PolicyLayer<Option<Gates>>,
    pub(crate) outage: Option<Outage>,
    pub(crate) body_limits: BodyLimits,
    pub(crate) deadline: DeadlineLayer,
}

/// On every answer, whoever gave it, from the outside to the inside.
pub(crate) type Outer = (
    Option<SecurityHeaders>,
    // A page of another origin may read errors, too.
    Option<Cors>,
);

/// After the first look at a request, from the outside to the inside.
pub(crate) type Inner = (
    // Nobody is let further over plain HTTP, not even to learn that all places are taken.
    Option<Https>,
    // Probes need no place and are not counted, and whoever comes over plain HTTP is not told about
    // health either.
    Own,
);

/// Who asks, and what they may: everything that may have to wait stands here, and costs a request
/// nothing where none of it is on.
pub(crate) type Callers = (
    // Of addresses and the like, which bound how often tokens can be guessed.
    Option<Limits>,
    (
        Option<Tokens>,
        // Of callers whom a token has named.
        Option<Limits>,
    ),
);

/// The body of an answer when it leaves the stack.
pub(crate) type Body = Held<Answer, Permit>;

/// The service with everything before it, for one connection, from the inside to the outside.
/// [`crate::worker`] adds compression, then the observer, then ids, so a client that leaves early is
/// still logged with an id.
pub(crate) fn stack(
    parts: &Parts,
    client: Client,
    pool: Pool,
    tunnels: &Tunnels,
    tls: bool,
) -> impl Service<
    Request<Lingering>,
    Response = Response<Body>,
    Error = Infallible,
    Future: Send + 'static,
> + Send
+ 'static {
    let service = Proxy { pool, tunnels: tunnels.clone() };
    // Innermost, because waiting for the service is all that it bounds.
    let service = parts.deadline.layer(service);
    // Around the deadline, so that a body that breaks its bounds is told so, whatever came of it.
    let service = BodyLimitsLayer(parts.body_limits).layer(service);
    // Sees the deadline's refusals and the service's failures alike.
    let service = OutageLayer(parts.outage.clone()).layer(service);
    // A feature that is off costs the service nothing.
    let service = parts.gates.layer(service);
    // Counts what goes to the service, and nothing that is refused further out.
    let service = ConcurrencyLayer(parts.concurrency.clone()).layer(service);
    // Behind limits and tokens, whose refusals are no failed log-ins.
    let service = parts.lockouts.layer(service);
    // Nothing that stands further in sees a request of somebody who may not make it; what is refused
    // takes no place.
    let service = parts.callers.layer(service);
    // The first look stands before everything that believes a header: what is ambiguous or forged
    // ends here.
    let entry = Entry::new(client.peer.ip(), &parts.trusted, parts.proto.clone(), tls);
    let certificates = parts.certified.as_ref().map(|routes| ClientCertificates {
        routes: Arc::clone(routes),
        certificate: client.certificate,
    });
    let service = (entry, (certificates, Arc::clone(&parts.inner))).layer().layer(service);
    // Gives all errors from further in their shape, the refusals of layers included.
    let service = parts.envelope.layer(service);
    parts.outer.layer(service)
}
