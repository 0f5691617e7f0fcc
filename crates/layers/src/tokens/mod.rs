//! Who asks: a JSON Web Token is verified before the service sees the request, and what it may is
//! compared with what its route asks for (RFC 7519, RFC 8725, RFC 6750).
//!
//! Which algorithms count is declared, and never taken from the token. What the token says of its
//! caller goes to the service in headers that no client can send. A token is never logged.

mod access;
mod key_set;
mod keys;
mod place;
mod provider;
mod revoked;
mod verify;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use self::access::asked;
use self::key_set::Ready;
use self::place::Found;
use self::verify::{Invalid, header_of};
use crate::refusal::Refusal;
use crate::waiting_policy::{Pending, Step, WaitingPolicy};

pub use self::access::{Access, AccessClaims, AccessRule};
pub use self::key_set::{KeySet, KeySetTimes};
pub use self::keys::Keys;
pub use self::place::TokenPlace;
pub use self::revoked::Revoked;
pub use self::verify::TokenChecks;

/// Where the keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    Fixed(Arc<Keys>),
    Fetched(KeySet),
}

/// Verifies tokens.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The first place at which there is one counts.
    pub places: Vec<TokenPlace>,
    pub keys: KeySource,
    pub checks: TokenChecks,
    /// The first that is about a request counts; a route that none is about asks for a token.
    pub rules: Vec<AccessRule>,
    pub claims: AccessClaims,
    /// Headers for the service, each with the claim that it holds.
    pub headers: Vec<(HeaderName, String)>,
    pub revoked: Revoked,
}

/// Whose request it is: an extension of one whose token was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Whom the token is about (`sub`).
    pub subject: Option<String>,
    /// Its id (`jti`).
    pub id: Option<String>,
    /// When it expires, in seconds since 1970, with what clocks may differ.
    pub expires: Option<u64>,
}

impl Verified {
    /// How long the token still holds; `None` where it does not say.
    pub fn left(&self) -> Option<Duration> {
        self.expires.map(|at| Duration::from_secs(at.saturating_sub(now())))
    }
}

impl WaitingPolicy for Tokens {
    type State = ();
    type Found = ();

    fn request<B>(&self, request: &mut Request<B>) -> Step<(), ()> {
        self.forget_forged(request);
        self.decide(request, false)
    }

    fn found<B>(&self, (): (), request: &mut Request<B>) -> Step<(), ()> {
        self.decide(request, true)
    }

    fn response<B>(&self, (): (), _: &mut Response<B>) {}
}

impl Tokens {
    /// Takes away what only the edge may say, in every spelling that services take for the same.
    fn forget_forged<B>(&self, request: &mut Request<B>) {
        let own = |name: &HeaderName| {
            let spelt = name.as_str().replace('_', "-");
            self.headers.iter().any(|(own, _)| own.as_str() == spelt)
        };
        while let Some(name) = request.headers().keys().find(|name| own(name)).cloned() {
            request.headers_mut().remove(name);
        }
    }

    fn decide<B>(&self, request: &mut Request<B>, waited: bool) -> Step<(), ()> {
        let asked = asked(&self.rules, request);
        let token = match self.find(request) {
            Found::One(token) => token,
            // What is public is for everybody, whatever they carry.
            Found::Nothing | Found::Several if asked.is_empty() => return Step::Pass(()),
            Found::Nothing => return answer(missing()),
            Found::Several => return answer(invalid("expected one token, found several")),
        };
        let claims = match self.verify(&token, waited) {
            Ok(claims) => claims,
            Err(Judged::Wait(pending)) if !asked.is_empty() => return Step::Wait(pending),
            Err(_) if asked.is_empty() => return Step::Pass(()),
            Err(Judged::Invalid(why)) => return answer(invalid(why.words())),
            Err(Judged::NoKeys | Judged::Wait(_)) => {
                let message = "tokens cannot be verified at the moment";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                return Step::Answer(Box::new(
                    Refusal::new(status, "keys_unavailable", message).retry_after(5).answer(),
                ));
            }
        };
        if let Some(lacks) = asked.iter().find(|access| !self.claims.satisfies(access, &claims)) {
            return answer(insufficient(lacks));
        }
        self.tell(&claims, request);
        Step::Pass(())
    }

    fn find<B>(&self, request: &Request<B>) -> Found {
        let all = self.places.iter().map(|place| place.find(request));
        all.into_iter().find(|found| *found != Found::Nothing).unwrap_or(Found::Nothing)
    }

    fn verify(&self, token: &[u8], waited: bool) -> Result<Value, Judged> {
        provider::install();
        let header = header_of(token).map_err(Judged::Invalid)?;
        if !self.checks.algorithms.contains(&header.alg) {
            return Err(Judged::Invalid(Invalid::Algorithm));
        }
        let id = header.kid.as_deref();
        let keys = match &self.keys {
            KeySource::Fixed(keys) => Arc::clone(keys),
            KeySource::Fetched(set) => match set.for_token(id, header.alg, waited) {
                Ready::Keys(keys) => keys,
                Ready::Wait(pending) => return Err(Judged::Wait(pending)),
                Ready::Nothing => return Err(Judged::NoKeys),
            },
        };
        let claims = self.checks.verify(token, &header, &keys).map_err(Judged::Invalid)?;
        let revoked = |id: &Value| id.as_str().is_some_and(|id| self.revoked.contains(id));
        if claims.get("jti").is_some_and(revoked) {
            return Err(Judged::Invalid(Invalid::Revoked));
        }
        Ok(claims)
    }

    /// Tells the service and the layers further in who asks.
    fn tell<B>(&self, claims: &Value, request: &mut Request<B>) {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let leeway = self.checks.leeway.as_secs();
        let expires = claims.get("exp").and_then(Value::as_f64).map(|at| at as u64 + leeway);
        let verified = Verified { subject: text("sub"), id: text("jti"), expires };
        request.extensions_mut().insert(verified);
        for (name, path) in &self.headers {
            let value = access::claim(claims, path).and_then(words);
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
                request.headers_mut().insert(name.clone(), value);
            }
        }
    }
}

/// Why there are no claims.
enum Judged {
    Invalid(Invalid),
    NoKeys,
    Wait(Pending<()>),
}

/// What may not stand in a header, and what stands for it.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// A claim as a header has it: members of a list with commas between them, what is not ASCII in per
/// cent.
fn words(claim: &Value) -> Option<String> {
    let text = match claim {
        Value::Null | Value::Object(_) => return None,
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().filter_map(words).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    Some(utf8_percent_encode(&text, ESCAPED).to_string())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn answer(answer: Response<Bytes>) -> Step<(), ()> {
    Step::Answer(Box::new(answer))
}

/// What a client is told so that it may do better (RFC 6750, 3).
fn challenged(refusal: Refusal, challenge: &str) -> Response<Bytes> {
    let mut answer = refusal.answer();
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        answer.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    }
    answer
}

fn missing() -> Response<Bytes> {
    let message = "expected a token, found none";
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "token_missing", message);
    challenged(refusal, "Bearer")
}

fn invalid(why: &'static str) -> Response<Bytes> {
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "token_invalid", why);
    let challenge = format!("Bearer error=\"invalid_token\", error_description=\"{why}\"");
    challenged(refusal, &challenge)
}

fn insufficient(lacks: &Access) -> Response<Bytes> {
    let (what, word) = match lacks {
        Access::Scope(scope) => ("scope", scope.as_str()),
        Access::Role(role) => ("role", role.as_str()),
        Access::Public | Access::Authenticated => ("token", ""),
    };
    let message = format!("the token lacks the {what} {word}");
    let refusal = Refusal::new(StatusCode::FORBIDDEN, "insufficient_scope", message);
    let scope = if what == "scope" { format!(", scope=\"{word}\"") } else { String::new() };
    challenged(refusal, &format!("Bearer error=\"insufficient_scope\"{scope}"))
}

#[cfg(test)]
mod tests;
