//! Why a service is not ready in time, as far as it can be seen from outside.

use std::net::SocketAddr;

use process::Service;
use settings::Probe;

use crate::supervisor::status;

/// What was expected and found, in words.
pub(crate) async fn why(
    service: &Service,
    expected: SocketAddr,
    probe: Option<(&Probe, SocketAddr)>,
) -> String {
    let pids: Vec<u32> = service.members().iter().map(|member| member.pid).collect();
    let found = process::sockets::listening(&pids);
    if !found.iter().any(|at| reaches(*at, expected)) {
        return elsewhere(&found, expected);
    }
    let (path, headers, at) = match probe {
        Some((probe, at)) => (probe.0.path.as_str(), &probe.0.headers, at),
        None => ("/", &Default::default(), expected),
    };
    match status(at, path, headers).await {
        Some(status) => format!(
            "it listens at {at}, but GET {path} is answered {status}, which service.ready does not accept"
        ),
        None => format!("it listens at {at}, but GET {path} is not answered"),
    }
}

/// Whether who listens there takes what is sent here.
fn reaches(listens: SocketAddr, sent: SocketAddr) -> bool {
    let any = listens.ip().is_unspecified();
    listens.port() == sent.port() && (any || listens.ip().to_canonical() == sent.ip())
}

fn elsewhere(found: &[SocketAddr], expected: SocketAddr) -> String {
    let port = expected.port();
    let Some(first) = found.first() else {
        return format!("it listens nowhere, and was expected at {expected}");
    };
    let all: Vec<String> = found.iter().map(SocketAddr::to_string).collect();
    let help = if found.iter().any(|at| at.port() == port) {
        format!("let it listen at {} or at all addresses", expected.ip())
    } else {
        format!(
            "let it read its port from its environment, as service.port says ($PORT without a \
             manifest), or tell its own with --port {}",
            first.port()
        )
    };
    format!("it listens at {}, and was expected at {expected}: {help}", all.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_listens_instead_is_told() {
        let at = |text: &str| text.parse::<SocketAddr>().expect("an address");
        let expected = at("127.0.0.1:80");
        for (listens, is) in
            [("0.0.0.0:80", true), ("[::]:80", true), ("[::1]:80", false), ("127.0.0.1:81", false)]
        {
            assert_eq!(reaches(at(listens), expected), is, "{listens}");
        }
        assert!(elsewhere(&[], expected).contains("nowhere"));
        assert!(elsewhere(&[at("127.0.0.1:3000")], expected).contains("--port 3000"));
        assert!(elsewhere(&[at("[::1]:80")], expected).contains("listen at 127.0.0.1"));
    }
}
