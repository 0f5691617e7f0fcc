//! How often each client may ask for a route: 429 with `Retry-After`, and on every answer of the
//! route what is left (`RateLimit` and `RateLimit-Policy`, draft-ietf-httpapi-ratelimit-headers).
//!
//! A client is an address: the one that the nearest proxy that is not trusted, or the client itself,
//! has; of IPv6 its /64, which one person has whole. Who proxies are is for an outer layer, which
//! writes `X-Forwarded-For` anew.

mod quota;
mod shared;
mod store;

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};

use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::route_pattern::{AskedFor, RoutePattern};
use crate::{caller, list};

pub use self::quota::Quota;
pub use self::shared::Limits;
use self::store::Store;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Who is counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitKey {
    /// The client's address.
    Client,
    /// Whom a token or a session is of; the address of one that proves nothing.
    Identity,
    /// The value of a header; the address where it is missing.
    Header(HeaderName),
    /// Everybody together.
    All,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct LimitRule {
    /// Its name, in the answer, the log and the metrics.
    pub name: String,
    /// Which requests; all of them without.
    pub route: Option<RoutePattern>,
    pub key: LimitKey,
    /// All of them must hold.
    pub quotas: Vec<Quota>,
    /// Only counts what it would refuse.
    pub shadow: bool,
}

/// That a rule in the shadow would have refused a request: an extension of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WouldRefuse(pub Cow<'static, str>);

/// All rules. Clones count together.
#[derive(Clone)]
pub struct RateLimits {
    inner: Arc<Inner>,
}

struct Inner {
    rules: Vec<LimitRule>,
    /// `RateLimit-Policy` of each rule.
    policies: Vec<HeaderValue>,
    /// Whether an address is a proxy's whose word counts.
    trusts: Box<dyn Fn(IpAddr) -> bool + Send + Sync>,
    counts: Counts,
}

/// What was counted. Clones are one.
#[derive(Debug, Clone)]
pub struct Counts {
    store: Arc<Store>,
    zero: Instant,
}

impl Default for Counts {
    fn default() -> Self {
        Self { store: Arc::new(Store::new()), zero: Instant::now() }
    }
}

impl std::fmt::Debug for RateLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RateLimits").field("rules", &self.inner.rules).finish_non_exhaustive()
    }
}

/// What is left of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    rule: usize,
    /// Of the tightest quota.
    left: u32,
    /// Until all of it is there again or, where nothing is left, until one more is, in seconds.
    seconds: u64,
}

impl RateLimits {
    /// `trusts` tells the addresses of proxies.
    pub fn new(
        rules: Vec<LimitRule>,
        trusts: impl Fn(IpAddr) -> bool + Send + Sync + 'static,
    ) -> Self {
        let policy = |rule: &LimitRule| {
            let one = |quota: &Quota| {
                format!("\"{}\";q={};w={}", rule.name, quota.count, quota.window.as_secs())
            };
            let text = rule.quotas.iter().map(one).collect::<Vec<_>>().join(", ");
            HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
        };
        let policies = rules.iter().map(policy).collect();
        let (trusts, counts) = (Box::new(trusts), Counts::default());
        Self { inner: Arc::new(Inner { rules, policies, trusts, counts }) }
    }

    /// Goes on with what was counted before, by the names of rules.
    #[must_use]
    pub fn counted_in(mut self, counts: &Counts) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.inner) {
            inner.counts = counts.clone();
        }
        self
    }

    /// Takes one of every rule that is about the request, up to the first that refuses.
    ///
    /// # Errors
    /// The rule that refuses, and what is left of it.
    fn take<B>(&self, request: &Request<B>, now: u64) -> Result<Taken, Left> {
        let asked = AskedFor::of(request);
        let mut taken = Taken::default();
        for (at, rule) in self.inner.rules.iter().enumerate() {
            if rule.route.as_ref().is_some_and(|route| !route.matches(&asked)) {
                continue;
            }
            match self.of(at, rule, request, now) {
                Ok(left) if !rule.shadow => taken.note(left),
                Ok(_) => {}
                Err(_) if rule.shadow => taken.would_refuse = Some(at),
                Err(left) => return Err(left),
            }
        }
        Ok(taken)
    }

    fn of<B>(
        &self,
        at: usize,
        rule: &LimitRule,
        request: &Request<B>,
        now: u64,
    ) -> Result<Left, Left> {
        let key = self.key(&rule.key, request);
        let mut tightest = Left { rule: at, left: u32::MAX, seconds: 0 };
        for quota in &rule.quotas {
            let name = (&rule.name, quota.window);
            let took = self.inner.counts.store.change(&(name, &key), now, |next| {
                match quota.conforms(next, now) {
                    Ok(next) => (Some(next), Ok((quota.left(next, now), next))),
                    Err(early) => (None, Err(early)),
                }
            });
            match took {
                Ok((left, next)) if left < tightest.left => {
                    tightest =
                        Left { left, seconds: seconds(next.saturating_sub(now)), ..tightest };
                }
                Ok(_) => {}
                Err(early) => {
                    return Err(Left { rule: at, left: 0, seconds: seconds(early).max(1) });
                }
            }
        }
        Ok(tightest)
    }

    fn key<B>(&self, key: &LimitKey, request: &Request<B>) -> Vec<u8> {
        let headers = request.headers();
        let client = || self.client(headers).map_or(Vec::new(), |ip| ip.to_string().into_bytes());
        match key {
            LimitKey::All => Vec::new(),
            LimitKey::Client => client(),
            LimitKey::Identity => match caller::key(request) {
                nobody if nobody.is_empty() => client(),
                somebody => [b"=", somebody.as_bytes()].concat(),
            },
            LimitKey::Header(name) => match headers.get(name) {
                Some(value) => [b"=", value.as_bytes()].concat(),
                None => client(),
            },
        }
    }

    /// The address of a request's client, as these limits count it.
    pub fn client_of(&self, headers: &HeaderMap) -> String {
        self.client(headers).map_or(String::new(), |ip| ip.to_string())
    }

    /// The last address of `X-Forwarded-For` that is no trusted proxy's; of IPv6 its /64.
    fn client(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let hops: Vec<&[u8]> = list::members(headers, &FORWARDED_FOR).collect();
        let mut client = None;
        for hop in hops.into_iter().rev() {
            // What is no address was not written by a proxy that is trusted.
            let Some(ip) = std::str::from_utf8(hop).ok().and_then(address) else { break };
            client = Some(ip);
            if !(self.inner.trusts)(ip) {
                break;
            }
        }
        client.map(|ip| match ip {
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            ip => ip,
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.inner.counts.zero.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn refuse(&self, left: Left) -> Box<Response<Bytes>> {
        let name = self.inner.rules[left.rule].name.clone();
        let message = format!("too many requests; try again in {} s", left.seconds);
        let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", message)
            .rule(name)
            .retry_after(u32::try_from(left.seconds).unwrap_or(u32::MAX));
        let mut answer = refusal.answer();
        self.tell(left, answer.headers_mut());
        Box::new(answer)
    }

    fn tell(&self, left: Left, headers: &mut HeaderMap) {
        let Left { rule, left, seconds } = left;
        let name = &self.inner.rules[rule].name;
        if let Ok(value) = HeaderValue::from_str(&format!("\"{name}\";r={left};t={seconds}")) {
            headers.insert(RATE_LIMIT, value);
            headers.insert(POLICY, self.inner.policies[rule].clone());
        }
    }
}

/// An address, as proxies write it: with a port and in brackets, too.
fn address(text: &str) -> Option<IpAddr> {
    let ip = text.parse::<IpAddr>().ok();
    let bare = || text.strip_prefix('[')?.split_once(']')?.0.parse().ok();
    let socket = || text.parse::<std::net::SocketAddr>().ok().map(|socket| socket.ip());
    ip.or_else(bare).or_else(socket).map(|ip| ip.to_canonical())
}

fn seconds(nanos: u64) -> u64 {
    nanos.div_ceil(1_000_000_000)
}

/// What was taken: the rule of which least is left, and one that would have refused.
#[derive(Debug, Default)]
pub struct Taken {
    tightest: Option<Left>,
    would_refuse: Option<usize>,
}

impl Taken {
    fn note(&mut self, left: Left) {
        if self.tightest.is_none_or(|known| left.left < known.left) {
            self.tightest = Some(left);
        }
    }
}

impl Policy for RateLimits {
    type State = Taken;

    fn request<B>(&self, request: &mut Request<B>) -> Result<Taken, Box<Response<Bytes>>> {
        self.take(request, self.now()).map_err(|left| self.refuse(left))
    }

    fn response<B>(&self, taken: Taken, response: &mut Response<B>) {
        if let Some(left) = taken.tightest {
            self.tell(left, response.headers_mut());
        }
        if let Some(rule) = taken.would_refuse {
            let name = self.inner.rules[rule].name.clone();
            response.extensions_mut().insert(WouldRefuse(name.into()));
        }
    }
}

#[cfg(test)]
mod tests;
