//! How it is shown that a domain is ours: a text at a path (HTTP-01; RFC 8555, 8.3), or a certificate
//! that only the authority asks for (TLS-ALPN-01; RFC 8737).

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use instant_acme::{ChallengeHandle, ChallengeType};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

/// What the authority asks for, while an order is under way. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answers(Arc<RwLock<Prepared>>);

#[derive(Debug, Default)]
struct Prepared {
    /// By their tokens.
    texts: HashMap<String, String>,
    /// By their domains.
    certificates: HashMap<String, Arc<CertifiedKey>>,
}

/// What is spoken where the authority asks for the certificate.
pub(crate) const PROTOCOL: &[u8] = b"acme-tls/1";
/// Below it are the texts.
const PATH: &str = "/.well-known/acme-challenge/";

impl Answers {
    /// Prepares the answer to a challenge.
    pub(super) fn prepare(&self, name: &str, asked: &ChallengeHandle<'_>) -> Result<(), String> {
        let proof = asked.key_authorization();
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match asked.r#type {
            ChallengeType::TlsAlpn01 => {
                let certificate = certificate(name, proof.digest().as_ref())?;
                all.certificates.insert(name.to_ascii_lowercase(), Arc::new(certificate));
            }
            _ => {
                all.texts.insert(asked.token.clone(), proof.as_str().to_owned());
            }
        }
        Ok(())
    }

    pub(super) fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Prepared::default();
    }

    /// The text at a path.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(PATH)?;
        self.0.read().unwrap_or_else(PoisonError::into_inner).texts.get(token).cloned()
    }

    /// The certificate for a domain.
    pub(crate) fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        all.certificates.get(&name.to_ascii_lowercase()).cloned()
    }
}

fn certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, String> {
    let words = |error: rcgen::Error| format!("no answer can be made for {name}: {error}");
    let key = KeyPair::generate().map_err(words)?;
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).map_err(words)?;
    parameters.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let certificate = parameters.self_signed(&key).map_err(words)?;
    let secret = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    // Its extension is critical, so that nobody takes it for a usual one: it is not looked into here.
    let secret = ring::sign::any_supported_type(&secret);
    let secret = secret.map_err(|error| format!("no answer can be made for {name}: {error}"))?;
    Ok(CertifiedKey::new(chain, secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_for_its_domain_and_only_while_it_is_asked_for() {
        let answers = Answers::default();
        let made = certificate("a.example", &[7; 32]).expect("made");
        {
            let mut all = answers.0.write().expect("sound");
            all.certificates.insert("a.example".to_owned(), Arc::new(made));
            all.texts.insert("token".to_owned(), "proof".to_owned());
        }
        assert!(answers.certificate("A.Example").is_some());
        assert!(answers.certificate("b.example").is_none());
        assert_eq!(answers.text("/.well-known/acme-challenge/token").as_deref(), Some("proof"));
        assert_eq!(answers.text("/.well-known/acme-challenge/"), None);
        assert_eq!(answers.text("/token"), None);
        answers.forget();
        assert!(answers.certificate("a.example").is_none());
    }
}
