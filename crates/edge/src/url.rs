//! Reading the address of a dependency.

use percent_encoding::percent_decode_str;

/// An address in its parts; what is encoded in user and password is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The parts of an address; without a port in it, the default one.
pub(crate) fn parts(url: &str, default: Option<u16>) -> Option<Parts> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let (login, host) = authority.rsplit_once('@').map_or((None, authority), |(l, h)| (Some(l), h));
    let (user, password) =
        login.map_or(("", ""), |login| login.split_once(':').unwrap_or((login, "")));
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (host, default?),
    };
    let host = host.trim_matches(['[', ']']).to_owned();
    Some(Parts { user: decoded(user), password: decoded(password), host, port })
}

fn decoded(text: &str) -> Option<String> {
    let text = percent_decode_str(text).decode_utf8_lossy();
    (!text.is_empty()).then(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_addresses() {
        let read = |url: &str| {
            let parts = parts(url, Some(6379))?;
            Some(format!("{:?} {:?} {} {}", parts.user, parts.password, parts.host, parts.port))
        };
        assert_eq!(read("redis://:pw@h:1/0").as_deref(), Some("None Some(\"pw\") h 1"));
        assert_eq!(read("redis://h").as_deref(), Some("None None h 6379"));
        assert_eq!(read("tcp://[::1]:5").as_deref(), Some("None None ::1 5"));
        assert_eq!(read("redis://h:x"), None);
        let encoded = read("redis://a%40b:p%2Fw%3A@h:1");
        assert_eq!(encoded.as_deref(), Some("Some(\"a@b\") Some(\"p/w:\") h 1"));
    }
}
