//! The keys that tokens are signed with, each with what may be signed by it.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};

/// One key.
#[derive(Clone)]
pub(super) struct Key {
    /// Its name in the set, where it has one.
    pub(super) id: Option<String>,
    key: DecodingKey,
    /// What may be signed by it.
    algorithms: Vec<Algorithm>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Keys(Vec<Key>);

impl Keys {
    /// A secret that both sides know (HS256, HS384, HS512).
    ///
    /// # Errors
    /// When it is shorter than the hash of HS256: it could be guessed (RFC 7518, 3.2).
    pub fn secret(secret: &[u8]) -> Result<Self, String> {
        if secret.len() < 32 {
            return Err(format!(
                "expected a secret of at least 32 bytes (RFC 7518, 3.2), found {}",
                secret.len()
            ));
        }
        Ok(Self(vec![Key::new(None, DecodingKey::from_secret(secret))]))
    }

    /// A public key as PEM.
    ///
    /// # Errors
    /// When it is none that can be used.
    pub fn pem(pem: &[u8]) -> Result<Self, String> {
        // A file with a private key would work, and should not lie before the service.
        if pem.windows(11).any(|part| part == b"PRIVATE KEY") {
            return Err("expected a public key as PEM, found a private one; keep that where \
                        tokens are signed"
                .to_owned());
        }
        let read = [DecodingKey::from_rsa_pem, DecodingKey::from_ec_pem, DecodingKey::from_ed_pem];
        let found = read.iter().find_map(|read| read(pem).ok());
        let found = found.ok_or("expected a public key as PEM (RSA, P-256, P-384 or Ed25519)")?;
        Ok(Self(vec![Key::new(None, found)]))
    }

    /// A key set (RFC 7517, 5). Keys of a kind that is not known are left out, and so are secrets: a
    /// set is public.
    ///
    /// # Errors
    /// When it is none, or nothing in it can be used.
    pub fn set(json: &[u8]) -> Result<Self, String> {
        let set: JwkSet = serde_json::from_slice(json)
            .map_err(|error| format!("expected a JSON Web Key Set: {error}"))?;
        let keys: Vec<Key> = set.keys.iter().filter_map(Key::of).collect();
        if keys.is_empty() {
            let count = set.keys.len();
            return Err(format!(
                "expected public keys to verify with (RSA, P-256, P-384 or Ed25519) in the key \
                 set, found none among {count}"
            ));
        }
        Ok(Self(keys))
    }

    /// The names of them, for a line of the log.
    pub fn names(&self) -> String {
        let names = self.0.iter().map(|key| key.id.as_deref().unwrap_or("a key without kid"));
        names.collect::<Vec<_>>().join(", ")
    }

    /// The keys that a token with this header may be signed by.
    pub(super) fn fitting(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &DecodingKey> {
        let fits = move |key: &&Key| {
            key.algorithms.contains(&algorithm)
                && (id.is_none() || key.id.is_none() || key.id.as_deref() == id)
        };
        self.0.iter().filter(fits).map(|key| &key.key)
    }

    /// What may be signed by one of them at all.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|key| key.algorithms.contains(&algorithm))
    }
}

impl Key {
    fn new(id: Option<String>, key: DecodingKey) -> Self {
        use Algorithm::{ES256, ES384, EdDSA, HS256, HS384, HS512};
        use Algorithm::{PS256, PS384, PS512, RS256, RS384, RS512};
        let algorithms = match (key.family(), key.try_get_as_bytes().map_or(0, <[u8]>::len)) {
            (AlgorithmFamily::Hmac, _) => vec![HS256, HS384, HS512],
            (AlgorithmFamily::Rsa, _) => vec![RS256, RS384, RS512, PS256, PS384, PS512],
            // A point, uncompressed.
            (AlgorithmFamily::Ec, 65) => vec![ES256],
            (AlgorithmFamily::Ec, 97) => vec![ES384],
            (AlgorithmFamily::Ed, 32) => vec![EdDSA],
            _ => Vec::new(),
        };
        Self { id, key, algorithms }
    }

    fn of(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        if common.public_key_use.as_ref().is_some_and(|r#use| *r#use != PublicKeyUse::Signature) {
            return None;
        }
        let usable = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) | AlgorithmParameters::EllipticCurve(_) => true,
            AlgorithmParameters::OctetKeyPair(pair) => pair.curve == EllipticCurve::Ed25519,
            _ => false,
        };
        let key = usable.then(|| DecodingKey::from_jwk(jwk).ok()).flatten()?;
        let mut key = Self::new(common.key_id.clone(), key);
        if let Some(only) = &common.key_algorithm {
            key.algorithms.retain(|algorithm| format!("{algorithm:?}") == only.to_string());
        }
        (!key.algorithms.is_empty()).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_to_verify_with_is_told() {
        assert!(Keys::secret(b"changeme").expect_err("short").contains("found 8"));
        assert!(Keys::secret(&[7; 32]).is_ok());
        let private = b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";
        assert!(Keys::pem(private).expect_err("private").contains("a private one"));
        assert!(Keys::pem(b"none").is_err());
        let secret = br#"{"keys":[{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]}"#;
        assert!(Keys::set(secret).expect_err("a secret in public").contains("found none among 1"));
        assert!(Keys::set(b"{}").is_err() && Keys::set(b"<html>").is_err());
    }

    #[test]
    fn a_key_of_a_set_signs_what_it_is_for() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let key = |more: &str| {
            format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","kid":"one","x":"{x}"{more}}}]}}"#)
        };
        let keys = Keys::set(key("").as_bytes()).expect("good");
        assert_eq!(keys.names(), "one");
        assert!(keys.allows(Algorithm::EdDSA) && !keys.allows(Algorithm::HS256));
        assert_eq!(keys.fitting(Some("one"), Algorithm::EdDSA).count(), 1);
        assert_eq!(keys.fitting(Some("two"), Algorithm::EdDSA).count(), 0);
        assert_eq!(keys.fitting(None, Algorithm::EdDSA).count(), 1);
        assert!(Keys::set(key(r#","use":"enc""#).as_bytes()).is_err(), "not for signatures");
        assert!(Keys::set(key(r#","alg":"ES256""#).as_bytes()).is_err(), "it contradicts itself");
    }
}
