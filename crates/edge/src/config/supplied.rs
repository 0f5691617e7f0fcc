//! Everything that is supplied, as the parts from which the stack is built.

use std::time::Duration;

use layers::{BodyLimits, Correlation, Cors, Envelope, Gate, Https, Report, SecurityHeaders};
use settings::Manifest;

/// Everything that is supplied: filled by the controls of [`crate::supply`].
#[derive(Debug, Clone)]
pub struct Supplied {
    pub(crate) correlation: Option<Correlation>,
    pub(crate) security_headers: Option<SecurityHeaders>,
    pub(crate) cors: Option<Cors>,
    pub(crate) https: Option<Https>,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) body_limits: BodyLimits,
    pub(crate) compress: bool,
    pub(crate) live: Option<ListenerPath>,
    pub(crate) ready: Option<ListenerPath>,
    pub(crate) report: Option<(Option<String>, Report)>,
    pub(crate) metrics: Option<ListenerPath>,
    /// How long a request may take while a critical dependency is away.
    pub(crate) outage: Option<Duration>,
    pub(crate) gates: Vec<Gate>,
    pub(crate) scrub: bool,
}

/// A path on one of the listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListenerPath {
    pub(crate) port: Option<String>,
    pub(crate) path: String,
}

impl Supplied {
    /// What there is before anything is supplied: nobody may stand still in the middle of a body.
    pub(crate) fn nothing(manifest: &Manifest) -> Self {
        let stall = Some(manifest.supply.client_timeout.0);
        Self {
            correlation: None,
            security_headers: None,
            cors: None,
            https: None,
            envelope: None,
            body_limits: BodyLimits { max: None, within: None, stall },
            compress: false,
            live: None,
            ready: None,
            report: None,
            metrics: None,
            outage: None,
            gates: Vec::new(),
            scrub: false,
        }
    }
}
