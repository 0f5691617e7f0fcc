//! The cryptography of tokens: `jsonwebtoken` reads and judges them, ring verifies their signatures,
//! as it does for TLS. Nothing is signed here.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::{hmac, signature as rs};
use signature::{Error, Verifier};

/// Installs it, once. Where the program has installed another before, that one is used.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    static PROVIDER: CryptoProvider = CryptoProvider {
        signer_factory: no_signer,
        verifier_factory: verifier,
        key_utils: KeyUtils::new_unimplemented(),
    };
    ONCE.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

fn no_signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::Provider("nothing is signed here".to_owned()).into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    // A key of another family would be taken for bytes: the public key for an HMAC secret.
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(RingVerifier { algorithm: *algorithm, key: key.clone() }))
}

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let checked = match self.algorithm {
            Algorithm::HS256 => self.secret(hmac::HMAC_SHA256, message, signature),
            Algorithm::HS384 => self.secret(hmac::HMAC_SHA384, message, signature),
            Algorithm::HS512 => self.secret(hmac::HMAC_SHA512, message, signature),
            Algorithm::RS256 => self.rsa(&rs::RSA_PKCS1_2048_8192_SHA256, message, signature),
            Algorithm::RS384 => self.rsa(&rs::RSA_PKCS1_2048_8192_SHA384, message, signature),
            Algorithm::RS512 => self.rsa(&rs::RSA_PKCS1_2048_8192_SHA512, message, signature),
            Algorithm::PS256 => self.rsa(&rs::RSA_PSS_2048_8192_SHA256, message, signature),
            Algorithm::PS384 => self.rsa(&rs::RSA_PSS_2048_8192_SHA384, message, signature),
            Algorithm::PS512 => self.rsa(&rs::RSA_PSS_2048_8192_SHA512, message, signature),
            Algorithm::ES256 => self.point(&rs::ECDSA_P256_SHA256_FIXED, message, signature),
            Algorithm::ES384 => self.point(&rs::ECDSA_P384_SHA384_FIXED, message, signature),
            Algorithm::EdDSA => self.point(&rs::ED25519, message, signature),
            _ => None,
        };
        checked.ok_or_else(Error::new)
    }
}

impl RingVerifier {
    fn secret(&self, with: hmac::Algorithm, message: &[u8], tag: &[u8]) -> Option<()> {
        let DecodingKeyKind::SecretOrDer(secret) = self.key.kind() else { return None };
        hmac::verify(&hmac::Key::new(with, secret), message, tag).ok()
    }

    fn rsa(&self, with: &'static rs::RsaParameters, message: &[u8], tag: &[u8]) -> Option<()> {
        match self.key.kind() {
            DecodingKeyKind::RsaModulusExponent { n, e } => {
                rs::RsaPublicKeyComponents { n, e }.verify(with, message, tag).ok()
            }
            DecodingKeyKind::SecretOrDer(_) => self.point(with, message, tag),
        }
    }

    fn point(
        &self,
        with: &'static dyn rs::VerificationAlgorithm,
        message: &[u8],
        tag: &[u8],
    ) -> Option<()> {
        let DecodingKeyKind::SecretOrDer(bytes) = self.key.kind() else { return None };
        rs::UnparsedPublicKey::new(with, bytes).verify(message, tag).ok()
    }
}
