//! Limits that several edges count together.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use super::{Left, RateLimits, Taken, seconds};
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::route_pattern::AskedFor;
use crate::shared_store::{SharedScript, SharedStore, Without, key};
use crate::waiting_policy::{Step, WaitingPolicy};

/// The generic cell rate algorithm for several keys in a row, up to the first that refuses for good.
/// Arguments of each key: the step and the room in microseconds, and whether its refusal counts. Out
/// comes for each, in microseconds, how far ahead of the clock it is, or less than nothing: how much
/// too early.
static TAKE: SharedScript = SharedScript(
    r"local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local told = {}
for at = 1, #KEYS do
  local step, room = tonumber(ARGV[3 * at - 2]), tonumber(ARGV[3 * at - 1])
  local due = tonumber(redis.call('GET', KEYS[at]) or '0')
  if due < now then due = now end
  local ahead = due + step - now
  if ahead > room then
    told[at] = room - ahead
    if ARGV[3 * at] == '1' then return told end
  else
    redis.call('SET', KEYS[at], string.format('%.0f', due + step), 'PX', math.ceil(ahead / 1000))
    told[at] = ahead
  end
end
return told",
);

/// Limits, counted here or together with others. Clones count together.
#[derive(Debug, Clone)]
pub struct Limits {
    local: RateLimits,
    shared: Option<(Arc<dyn SharedStore>, Without)>,
}

impl Limits {
    /// Counted here.
    pub fn local(limits: RateLimits) -> Self {
        Self { local: limits, shared: None }
    }

    /// Counted in a store.
    pub fn shared(limits: RateLimits, store: Arc<dyn SharedStore>, without: Without) -> Self {
        Self { local: limits, shared: Some((store, without)) }
    }

    /// The quotas that are about a request: their rules, and their numbers in these.
    fn about<B>(&self, request: &Request<B>) -> Vec<(usize, usize)> {
        let asked = AskedFor::of(request);
        let rules = self.local.inner.rules.iter().enumerate();
        let about = rules.filter(|(_, rule)| rule.route.as_ref().is_none_or(|r| r.matches(&asked)));
        about.flat_map(|(at, rule)| (0..rule.quotas.len()).map(move |quota| (at, quota))).collect()
    }

    fn keys<B>(&self, about: &[(usize, usize)], request: &Request<B>) -> (Vec<String>, Vec<i64>) {
        let (mut keys, mut arguments) = (Vec::new(), Vec::new());
        for (at, number) in about {
            let rule = &self.local.inner.rules[*at];
            let quota = &rule.quotas[*number];
            let name = format!("{}:{}", rule.name, quota.window.as_secs());
            keys.push(key("limit", &name, &self.local.key(&rule.key, request)));
            let micros = |nanos: u64| i64::try_from(nanos / 1000).unwrap_or(i64::MAX);
            arguments.extend([micros(quota.step()), micros(quota.room())]);
            arguments.push(i64::from(!rule.shadow));
        }
        (keys, arguments)
    }

    /// What the store's answer means.
    fn judge(&self, about: &[(usize, usize)], told: &[i64]) -> Result<Taken, Left> {
        let (mut taken, mut tightest): (_, Option<Left>) = (Taken::default(), None);
        for ((rule, number), told) in about.iter().zip(told) {
            let quota = &self.local.inner.rules[*rule].quotas[*number];
            let shadow = self.local.inner.rules[*rule].shadow;
            let nanos = told.unsigned_abs().saturating_mul(1000);
            match (*told < 0, shadow) {
                (true, true) => taken.would_refuse = Some(*rule),
                (true, false) => {
                    return Err(Left { rule: *rule, left: 0, seconds: seconds(nanos).max(1) });
                }
                (false, true) => {}
                (false, false) => {
                    let left =
                        Left { rule: *rule, left: quota.left(nanos, 0), seconds: seconds(nanos) };
                    if tightest.is_none_or(|known| left.left < known.left) {
                        tightest = Some(left);
                    }
                }
            }
        }
        if let Some(tightest) = tightest {
            taken.note(tightest);
        }
        Ok(taken)
    }
}

impl WaitingPolicy for Limits {
    type State = Taken;
    type Found = Result<Vec<i64>, String>;

    fn request<B>(&self, request: &mut Request<B>) -> Step<Taken, Self::Found> {
        let Some((store, _)) = &self.shared else { return step(self.local.request(request)) };
        let about = self.about(request);
        if about.is_empty() {
            return Step::Pass(Taken::default());
        }
        let (keys, arguments) = self.keys(&about, request);
        Step::Wait(store.call(&TAKE, keys, arguments))
    }

    fn found<B>(&self, found: Self::Found, request: &mut Request<B>) -> Step<Taken, Self::Found> {
        let without = self.shared.as_ref().map_or(Without::Local, |(_, without)| *without);
        match (found, without) {
            (Ok(told), _) => match self.judge(&self.about(request), &told) {
                Ok(taken) => Step::Pass(taken),
                Err(left) => Step::Answer(self.local.refuse(left)),
            },
            (Err(_), Without::Local) => step(self.local.request(request)),
            (Err(_), Without::Refuse) => {
                let message = "requests cannot be counted at the moment";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                let refusal = Refusal::new(status, "limits_unavailable", message).retry_after(1);
                Step::Answer(Box::new(refusal.answer()))
            }
        }
    }

    fn response<B>(&self, taken: Taken, response: &mut Response<B>) {
        self.local.response(taken, response);
    }
}

fn step<F>(decided: Result<Taken, Box<Response<Bytes>>>) -> Step<Taken, F> {
    match decided {
        Ok(taken) => Step::Pass(taken),
        Err(answer) => Step::Answer(answer),
    }
}
