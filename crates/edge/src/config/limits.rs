//! `[[supply.limits]]`: which routes are limited, for whom, and how.

use http::HeaderName;
use layers::{LimitKey, LimitRule, Quota};
use settings::supply::Limit;

use super::features::route;
use super::problem::Problem;

/// The rules, in their order.
pub(super) fn limits(declared: &[Limit], problems: &mut Vec<Problem>) -> Vec<LimitRule> {
    let mut rules: Vec<LimitRule> = Vec::new();
    for limit in declared {
        let name = &limit.name;
        let at = format!("supply.limits {name:?}");
        let sound = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !sound {
            problems.push(format!("{at}: expected letters, digits, '-', '_' or '.' in its name"));
        }
        if rules.iter().any(|rule| rule.name == *name) {
            problems.push(format!("{at}: there are two of this name"));
        }
        if limit.quotas.is_empty() {
            problems.push(format!("{at}: expected quotas such as [\"100/min\"], found none"));
        }
        let key = key(&limit.key).unwrap_or_else(|why| {
            problems.push(format!("{at}: {why}"));
            LimitKey::Client
        });
        let mut quotas = Vec::new();
        for text in &limit.quotas {
            match text.parse::<Quota>() {
                Ok(quota) => {
                    let burst = limit.burst.map_or(quota.burst, |burst| burst.min(quota.count));
                    quotas.push(Quota { burst, ..quota });
                }
                Err(why) => problems.push(format!("{at}: {why}")),
            }
        }
        rules.push(LimitRule {
            name: name.clone(),
            route: limit.route.as_deref().map(route),
            key,
            quotas,
            shadow: limit.shadow,
        });
    }
    rules
}

fn key(text: &str) -> Result<LimitKey, String> {
    match text {
        "client" => Ok(LimitKey::Client),
        "identity" => Ok(LimitKey::Identity),
        "all" => Ok(LimitKey::All),
        other => {
            let name = other.strip_prefix("header:").map(str::trim);
            let name = name.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok());
            name.map(LimitKey::Header).ok_or_else(|| {
                format!("expected a key client, identity, all or header:NAME, found {other:?}")
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(name: &str, key: &str, quotas: &[&str]) -> Limit {
        Limit {
            name: name.to_owned(),
            route: Some("POST /login".to_owned()),
            key: key.to_owned(),
            quotas: quotas.iter().map(|text| (*text).to_owned()).collect(),
            burst: Some(3),
            shadow: false,
        }
    }

    #[test]
    fn rules_are_read_and_everything_that_is_wrong_is_told() {
        let mut problems = Vec::new();
        let rules = limits(&[limit("login", "header:X-Key", &["5/min", "2/hour"])], &mut problems);
        assert!(problems.is_empty(), "{problems:?}");
        let bursts: Vec<_> = rules[0].quotas.iter().map(|quota| quota.burst).collect();
        assert_eq!(bursts, [3, 2], "no more at once than in the whole window");
        let wrong =
            [limit("a b", "ip", &["5"]), limit("x", "client", &[]), limit("x", "all", &["1/s"])];
        limits(&wrong, &mut problems);
        assert_eq!(problems.len(), 5, "{problems:#?}");
    }
}
