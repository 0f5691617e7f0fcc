//! `[supply.shared]`: where several edges count together.

use std::collections::BTreeMap;

use layers::Without;
use settings::supply::SharedState;

use super::problem::Problem;

/// A store that several edges count in.
#[derive(Debug, Clone)]
pub(crate) struct SharedConfig {
    /// Its address, with a password where it has one.
    pub(crate) url: String,
    pub(crate) without: Without,
}

/// Where is counted together with others.
pub(super) fn shared(
    declared: &SharedState,
    values: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Option<SharedConfig> {
    let variable = &declared.redis;
    let Some(url) = values.get(variable).filter(|url| !url.is_empty()) else {
        problems.push(format!("supply.shared.redis: {variable} is not set"));
        return None;
    };
    if redis::parse_redis_url(url).is_none() {
        // It may hold a password.
        problems
            .push(format!("supply.shared.redis: {variable}: expected redis://HOST:PORT/NUMBER"));
        return None;
    }
    let without = match declared.without {
        settings::supply::Without::Local => Without::Local,
        settings::supply::Without::Refuse => Without::Refuse,
    };
    Some(SharedConfig { url: url.clone(), without })
}
