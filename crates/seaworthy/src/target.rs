//! A deployed service as it is named on the command line.

use std::net::ToSocketAddrs;

use engine::{Peer, Tls};

use crate::failure::Failure;

/// `https://api.example.com` or `http://127.0.0.1:8080`, resolved.
pub(crate) fn peer(url: &str) -> Result<Peer, Failure> {
    let wrong = |why: &str| {
        Failure::usage(format!("--target {url:?}: {why}"))
            .hint("expected http://HOST[:PORT] or https://HOST[:PORT] of a service that you own")
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| wrong("there is no scheme"))?;
    let (tls, port) = match scheme {
        "http" => (Tls::Off, 80),
        "https" => (Tls::Verified, 443),
        _ => return Err(wrong("only http and https are known")),
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !path.is_empty() {
        return Err(wrong("it has a path; paths come from the manifest and its journeys"));
    }
    if host.is_empty() || host.contains(['@', '?', '#', ' ']) {
        return Err(wrong("the host cannot be read"));
    }
    let explicit = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let named = if explicit { host.to_owned() } else { format!("{host}:{port}") };
    let found = named.to_socket_addrs().map_err(|error| wrong(&error.to_string()))?;
    let address = found.into_iter().next().ok_or_else(|| wrong("the host has no address"))?;
    Ok(Peer { address, host: host.to_owned(), tls })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_scheme_and_a_host() {
        let peer = peer("http://127.0.0.1:8080/").expect("it is one");
        assert_eq!(
            (peer.host.as_str(), peer.tls, peer.address.port()),
            ("127.0.0.1:8080", Tls::Off, 8080)
        );
        for bad in ["127.0.0.1", "ftp://a", "http://", "http://127.0.0.1/api", "http://a@127.0.0.1"]
        {
            assert!(super::peer(bad).is_err(), "{bad}");
        }
    }
}
