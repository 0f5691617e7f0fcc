//! `[supply.tls]`: certificates, and where plain HTTP is redirected.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Uri;
use instant_acme::ChallengeType;
use layers::RoutePattern;
use settings::supply::{Acme, AcmeChallenge, Tls};

use super::Address;
use super::features::route;
use super::problem::Problem;
use crate::acme::AcmeConfig;
use crate::tls::CertificateFiles;

/// What TLS is spoken with.
#[derive(Debug, Clone, Default)]
pub struct TlsConfig {
    pub certificates: Vec<CertificateFiles>,
    /// One that is ordered.
    pub(crate) acme: Option<AcmeConfig>,
    /// Of clients.
    pub(crate) clients: Option<ClientConfig>,
    /// Where plain HTTP is redirected to it.
    pub(crate) redirect: Option<SocketAddr>,
}

/// What is asked of clients.
#[derive(Debug, Clone)]
pub(crate) struct ClientConfig {
    pub(crate) authorities: PathBuf,
    /// For those only who show a certificate.
    pub(crate) routes: Arc<Vec<RoutePattern>>,
}

impl TlsConfig {
    /// Files are named from the folder of the manifest.
    pub fn rooted(&mut self, root: &Path) {
        for files in &mut self.certificates {
            files.certificate = root.join(&files.certificate);
            files.key = root.join(&files.key);
        }
        if let Some(clients) = &mut self.clients {
            clients.authorities = root.join(&clients.authorities);
        }
        if let Some(acme) = &mut self.acme {
            acme.rooted(root);
        }
    }
}

pub(super) fn tls(
    declared: Option<&Tls>,
    values: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> TlsConfig {
    let Some(tls) = declared else { return TlsConfig::default() };
    if tls.certificates.is_empty() && tls.acme.is_none() {
        problems.push("supply.tls: expected certificates or acme, found neither".to_owned());
    }
    let redirect = tls.redirect.as_ref().and_then(|text| match Address::public(text) {
        Ok(address) => Some(address),
        Err(problem) => {
            problems.push(format!("supply.tls.redirect: {problem}"));
            None
        }
    });
    let files = tls.certificates.iter().map(|files| CertificateFiles {
        certificate: PathBuf::from(&files.certificate),
        key: PathBuf::from(&files.key),
    });
    let acme = tls.acme.as_ref().map(|own| acme(own, tls, values, problems));
    let clients = tls.clients.as_ref().map(|own| ClientConfig {
        authorities: PathBuf::from(&own.authorities),
        routes: Arc::new(own.routes.iter().map(|text| route(text)).collect()),
    });
    TlsConfig { certificates: files.collect(), acme, clients, redirect }
}

fn acme(
    own: &Acme,
    tls: &Tls,
    values: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> AcmeConfig {
    let mut wrong = |key: &str, why: String| problems.push(format!("supply.tls.acme.{key}: {why}"));
    if own.domains.is_empty() {
        wrong("domains", "expected one at least, found none".to_owned());
    }
    for domain in &own.domains {
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        if domain.is_empty() || !domain.chars().all(sound) {
            let why = "a star needs a challenge by DNS, which this has not";
            let why = if domain.contains('*') { why } else { "it is no domain" };
            wrong("domains", format!("{domain:?}: {why}"));
        }
    }
    let url = own.directory.parse::<Uri>().ok();
    if !url.is_some_and(|url| url.scheme_str() == Some("https") && url.host().is_some()) {
        wrong("directory", format!("expected an https URL, found {:?}", own.directory));
    }
    for contact in own.contact.iter().filter(|contact| !contact.starts_with("mailto:")) {
        wrong("contact", format!("expected mailto: and an address, found {contact:?}"));
    }
    let challenge = match own.challenge {
        AcmeChallenge::TlsAlpn01 => ChallengeType::TlsAlpn01,
        AcmeChallenge::Http01 => ChallengeType::Http01,
    };
    if own.challenge == AcmeChallenge::Http01 && tls.redirect.is_none() {
        wrong(
            "challenge",
            "http-01 is answered at supply.tls.redirect, which is not set".to_owned(),
        );
    }
    let external = match (&own.external_id, &own.external_key) {
        (None, None) => None,
        (Some(id), Some(key)) => {
            let of = |name: &String| values.get(name).filter(|value| !value.is_empty());
            let decoded = of(key).map(|key| URL_SAFE_NO_PAD.decode(key.trim_end_matches('=')));
            match (of(id), decoded) {
                (Some(id), Some(Ok(key))) => Some((id.clone(), key)),
                (None, _) => {
                    wrong("external_id", format!("{id} is not set"));
                    None
                }
                (_, None) => {
                    wrong("external_key", format!("{key} is not set"));
                    None
                }
                (_, Some(Err(_))) => {
                    wrong("external_key", format!("{key}: expected base64url"));
                    None
                }
            }
        }
        _ => {
            wrong("external_id", "expected external_key beside it, and the other way".to_owned());
            None
        }
    };
    AcmeConfig {
        domains: own.domains.clone(),
        contact: own.contact.clone(),
        directory: own.directory.clone(),
        folder: PathBuf::from(&own.folder),
        challenge,
        external,
        root: own.root.as_ref().map(PathBuf::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told() {
        let read = |text: &str| {
            let text = format!("[service]\nname=\"a\"\nstart=\"a {{port}}\"\n[supply.tls]\n{text}");
            let manifest = settings::parse(&text).expect("it is good").manifest;
            let mut problems = Vec::new();
            tls(manifest.supply.tls.as_ref(), &BTreeMap::new(), &mut problems);
            problems.join("\n")
        };
        assert_eq!(read("acme = { domains = [\"a.example\"] }\n"), "");
        for (text, told) in [
            ("", "expected certificates or acme, found neither"),
            ("acme = { domains = [] }\n", "expected one at least"),
            ("acme = { domains = [\"*.a.example\"] }\n", "a star needs a challenge by DNS"),
            ("acme = { domains = [\"a b\"] }\n", "it is no domain"),
            ("acme = { domains = [\"a\"], directory = \"http://a\" }\n", "expected an https URL"),
            ("acme = { domains = [\"a\"], contact = [\"a@b\"] }\n", "expected mailto:"),
            ("acme = { domains = [\"a\"], challenge = \"http-01\" }\n", "supply.tls.redirect"),
            ("acme = { domains = [\"a\"], external_id = \"A\" }\n", "external_key beside it"),
            (
                "acme = { domains = [\"a\"], external_id = \"A\", external_key = \"B\" }\n",
                "A is not set",
            ),
        ] {
            assert!(read(text).contains(told), "{text}: {}", read(text));
        }
    }
}
