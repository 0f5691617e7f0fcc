//! The address of a dependency in its parts: one reader for the lab, the checks and the edge.

use percent_encoding::percent_decode_str;
use url::{Host, Url};

/// An address in its parts; what is encoded in user, password and name is decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub scheme: String,
    pub user: Option<String>,
    pub password: Option<String>,
    /// Without the brackets of an IPv6 address.
    pub host: String,
    pub port: u16,
    /// What follows the host: a database, a number. Without its query.
    pub name: String,
    /// Further settings of the driver, as they stand after the `?`.
    pub query: Option<String>,
}

/// Why an address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; expected scheme://[user:password@]host[:port][/name]")]
pub struct AddressError(String);

/// Reads an address; without a port in it, the default one. A bare `host:port` is one, too.
///
/// # Errors
/// What is wrong with it. The text of the address, which may hold a password, is not repeated.
pub fn read(text: &str, default: Option<u16>) -> Result<Address, AddressError> {
    let wrong = |why: &str| AddressError(why.to_owned());
    let whole = if text.contains("://") { text.to_owned() } else { format!("tcp://{text}") };
    let url = Url::parse(&whole).map_err(|error| AddressError(error.to_string()))?;
    let host = match url.host() {
        Some(Host::Domain(host)) if !host.is_empty() => decoded(host).unwrap_or_default(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        _ => return Err(wrong("it has no host")),
    };
    let port = url.port().or(default).ok_or_else(|| wrong("it has no port"))?;
    Ok(Address {
        scheme: url.scheme().to_owned(),
        user: decoded(url.username()),
        password: url.password().and_then(decoded),
        host,
        port,
        name: decoded(url.path().trim_start_matches('/')).unwrap_or_default(),
        query: url.query().map(str::to_owned),
    })
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
        let parts = |text: &str| {
            let Address { user, password, host, port, name, .. } = read(text, Some(6379)).ok()?;
            Some(format!("{user:?} {password:?} {host} {port} {name:?}"))
        };
        for (text, expected) in [
            ("redis://:pw@h:1/0", "None Some(\"pw\") h 1 \"0\""),
            ("redis://h", "None None h 6379 \"\""),
            ("h:7", "None None h 7 \"\""),
            ("tcp://[::1]:5", "None None ::1 5 \"\""),
            ("redis://a%40b:p%2Fw%3A@h:1", "Some(\"a@b\") Some(\"p/w:\") h 1 \"\""),
            ("postgres://u:p@h/shop?schema=a", "Some(\"u\") Some(\"p\") h 6379 \"shop\""),
        ] {
            assert_eq!(parts(text).as_deref(), Some(expected), "{text}");
        }
        let query = read("postgres://h/shop?schema=a", Some(1)).expect("it is good").query;
        assert_eq!(query.as_deref(), Some("schema=a"));
        assert_eq!(parts("redis://h:x"), None);
        let error = read("mysql://u:secret@", None).expect_err("it has no host");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(read("tcp://h", None).is_err());
    }
}
