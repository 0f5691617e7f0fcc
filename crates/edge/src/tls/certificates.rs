//! Certificates with the names that they are for.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::CertificateFiles;
use super::facts::Facts;
use crate::acme::{Answers, PROTOCOL};

/// One certificate.
#[derive(Debug)]
struct Certificate {
    key: Arc<CertifiedKey>,
    /// In small letters; `*.` for any one label.
    names: Vec<String>,
    /// Seconds since 1970.
    ends: i64,
}

/// All of them; the first is for whoever asks for none of their names.
#[derive(Debug)]
pub(super) struct Certificates(Vec<Certificate>);

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// Which file is wrong, and how.
    pub(super) fn read(files: &[CertificateFiles]) -> Result<Self, String> {
        files.iter().map(Certificate::read).collect::<Result<_, _>>().map(Self)
    }

    fn of(&self, name: Option<&str>) -> Option<&Certificate> {
        let name = name.map(str::to_ascii_lowercase);
        let is_for = |certificate: &&Certificate| {
            name.as_ref().is_some_and(|name| certificate.names.iter().any(|own| fits(own, name)))
        };
        self.0.iter().find(is_for).or(self.0.first())
    }

    /// The certificate that ends first, by a name of it, and when, in seconds since 1970.
    pub(super) fn first_to_end(&self) -> Option<(&str, i64)> {
        let first = self.0.iter().min_by_key(|certificate| certificate.ends)?;
        Some((first.names.first().map_or("a certificate", String::as_str), first.ends))
    }

    /// All names, for a line of the log.
    pub(super) fn names(&self) -> String {
        let all = self.0.iter().flat_map(|certificate| &certificate.names);
        all.map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

/// Whether a certificate's name is the one that is asked for; a star stands for one label (RFC 6125,
/// 6.4.3).
fn fits(own: &str, name: &str) -> bool {
    match own.strip_prefix("*.") {
        Some(domain) => {
            name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain)
        }
        None => own == name,
    }
}

impl Certificate {
    fn read(files: &CertificateFiles) -> Result<Self, String> {
        let CertificateFiles { certificate, key } = files;
        let wrong = |path: &Path, what: &str, why: String| {
            format!(
                "{}: expected {what} as PEM, found none that can be used: {why}",
                path.display()
            )
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| wrong(certificate, "a certificate", error.to_string()))?;
        let first = chain.first().ok_or_else(|| {
            wrong(certificate, "a certificate", "there is no certificate in it".to_owned())
        })?;
        let Facts { names, ends, .. } =
            Facts::of(first).map_err(|why| wrong(certificate, "a certificate", why))?;
        let secret = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| wrong(key, "a private key", error.to_string()))?;
        let key =
            CertifiedKey::from_der(chain, secret, &ring::default_provider()).map_err(|error| {
                match error {
                    rustls::Error::InconsistentKeys(_) => format!(
                        "{} is not the key of the certificate {}",
                        key.display(),
                        certificate.display()
                    ),
                    other => wrong(key, "a private key", other.to_string()),
                }
            })?;
        Ok(Self { key: Arc::new(key), names, ends })
    }
}

/// The certificates of now.
#[derive(Debug)]
pub(super) struct Current {
    all: RwLock<Arc<Certificates>>,
    /// For an authority that asks whether a name is ours.
    answers: Option<Answers>,
}

impl Current {
    pub(super) fn new(certificates: Certificates, answers: Option<Answers>) -> Self {
        Self { all: RwLock::new(Arc::new(certificates)), answers }
    }

    pub(super) fn get(&self) -> Arc<Certificates> {
        Arc::clone(&self.all.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set(&self, certificates: Certificates) {
        *self.all.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certificates);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut protocols = hello.alpn().into_iter().flatten();
        if let Some(answers) = &self.answers
            && protocols.next() == Some(PROTOCOL)
            && protocols.next().is_none()
        {
            return answers.certificate(hello.server_name()?);
        }
        Some(Arc::clone(&self.get().of(hello.server_name())?.key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_label() {
        assert!(fits("*.a.example", "www.a.example") && fits("a.example", "a.example"));
        for other in ["a.example", "x.y.a.example", ".a.example", "www.b.example"] {
            assert!(!fits("*.a.example", other), "{other}");
        }
    }

    fn files(folder: &Path, name: &str) -> CertificateFiles {
        let pair = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("made");
        let (certificate, key) =
            (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&certificate, pair.cert.pem()).expect("written");
        std::fs::write(&key, pair.signing_key.serialize_pem()).expect("written");
        CertificateFiles { certificate, key }
    }

    #[test]
    fn the_name_that_is_asked_for_chooses_and_what_is_wrong_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let (one, other) = (files(folder.path(), "a.example"), files(folder.path(), "*.b.example"));
        let all = Certificates::read(&[one.clone(), other.clone()]).expect("they are good");
        let of = |name| all.of(name).map(|found| found.names[0].as_str());
        assert_eq!(of(Some("WWW.b.example")), Some("*.b.example"));
        assert_eq!(of(Some("other.example")), Some("a.example"));
        assert_eq!(of(None), Some("a.example"));
        let mixed = CertificateFiles { key: other.key.clone(), ..one.clone() };
        let told = Certificates::read(&[mixed]).expect_err("another's key");
        assert!(told.contains("is not the key of the certificate"), "{told}");
        let swapped = CertificateFiles { certificate: one.key.clone(), key: one.key };
        let told = Certificates::read(&[swapped]).expect_err("a key is no certificate");
        assert!(told.contains("a.example.key: expected a certificate as PEM"), "{told}");
        let gone = CertificateFiles { certificate: folder.path().join("gone"), ..other };
        assert!(Certificates::read(&[gone]).expect_err("not there").contains("gone: expected"));
    }
}
