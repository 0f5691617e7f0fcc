//! Finding hosts outside the lab in what a service is about to be given.

use std::net::IpAddr;

/// The first host in a value that is outside the lab. `name` is the variable's name: a bare host
/// is only recognised where the name says that it is one.
pub fn outside_host(name: &str, value: &str) -> Option<String> {
    let hosts = hosts_of_addresses(value).chain(host_of_pair(value)).chain(bare_host(name, value));
    hosts.into_iter().find(|host| !is_inside(host))
}

fn hosts_of_addresses(text: &str) -> impl Iterator<Item = String> + '_ {
    text.match_indices("://").filter_map(|(at, _)| {
        let scheme = text[..at].rsplit(|c: char| !c.is_ascii_alphanumeric() && !"+.-".contains(c));
        if scheme.clone().next().is_none_or(str::is_empty) {
            return None;
        }
        let rest = &text[at + 3..];
        let end = rest.find(['/', '?', '#', ' ', '"', '\'', ',', '\n']).unwrap_or(rest.len());
        let authority = &rest[..end];
        let host = authority.rsplit('@').next().unwrap_or(authority);
        Some(without_port(host).to_ascii_lowercase())
    })
}

fn without_port(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    host.rsplit_once(':').map_or(host, |(host, _)| host)
}

/// `host:port` as a whole value.
fn host_of_pair(value: &str) -> Option<String> {
    let (host, port) = value.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let plausible = host.contains('.') || host.parse::<IpAddr>().is_ok();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (plausible && is_host(host)).then(|| host.to_ascii_lowercase())
}

fn bare_host(name: &str, value: &str) -> Option<String> {
    let name = name.to_ascii_uppercase();
    let says_so = ["HOST", "HOSTNAME", "SERVER", "ADDR", "ADDRESS", "ENDPOINT"]
        .iter()
        .any(|word| name == *word || name.ends_with(&format!("_{word}")));
    // `LISTEN_ADDR` may hold a port as well, which has been looked at as a pair.
    let host = match value.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => host,
        _ => value,
    };
    (says_so && host.contains('.') && is_host(host)).then(|| host.to_ascii_lowercase())
}

fn is_host(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_:".contains(c))
}

/// Loopback, "any", and the names that are reserved for documentation and tests (RFC 2606, 6761).
fn is_inside(host: &str) -> bool {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return ip.to_canonical().is_loopback() || ip.is_unspecified();
    }
    let reserved = ["localhost", "example", "test", "invalid"];
    let documentation = ["example.com", "example.org", "example.net"];
    host.is_empty()
        || !is_host(host)
        || reserved.iter().chain(&documentation).any(|name| {
            host == *name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_outside_are_found() {
        for (name, value, host) in [
            ("DB", "postgres://u:p@db.internal:5432/x", "db.internal"),
            ("DB", "postgres://u:p%40@10.0.0.5/x", "10.0.0.5"),
            ("X", "a=1,https://api.stripe.com/v1", "api.stripe.com"),
            ("BROKERS", "kafka.prod.io:9092", "kafka.prod.io"),
            ("REDIS_HOST", "redis.prod.io", "redis.prod.io"),
            ("X", "http://[2001:db8::1]:80/", "2001:db8::1"),
        ] {
            assert_eq!(outside_host(name, value).as_deref(), Some(host), "{value}");
        }
    }

    #[test]
    fn what_stays_inside_is_left_alone() {
        for (name, value) in [
            ("DB", "postgres://u:p@127.0.0.1:5432/x"),
            ("X", "http://localhost:3000"),
            ("X", "http://[::1]:80"),
            ("HOST", "0.0.0.0"),
            ("ORIGIN", "https://shop.example.com"),
            ("FILE", "config.json"),
            ("X", "12:30"),
            ("SENTENCE", "see file:///etc/hosts"),
            ("TIME", "a.b:x"),
            ("X", "urn:isbn:1"),
        ] {
            assert_eq!(outside_host(name, value), None, "{value}");
        }
    }
}
