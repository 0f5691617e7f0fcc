//! Whether a token holds.

use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use serde_json::Value;

use super::keys::Keys;

/// What a token must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenChecks {
    /// Only these may sign, whatever a token says (RFC 8725, 3.1).
    pub algorithms: Vec<Algorithm>,
    /// Who issued it (`iss`), one of these; anybody where none is declared.
    pub issuers: Vec<String>,
    /// Whom it is for (`aud`), one of these; anybody where none is declared.
    pub audiences: Vec<String>,
    /// Its type (`typ`), such as `at+jwt` (RFC 9068), so that a token for another purpose does not
    /// pass (RFC 8725, 3.11).
    pub typ: Option<String>,
    /// How far clocks may differ; 30 seconds by default.
    pub leeway: Duration,
    /// Whether it must expire; it must by default.
    pub must_expire: bool,
}

impl Default for TokenChecks {
    fn default() -> Self {
        Self {
            algorithms: Vec::new(),
            issuers: Vec::new(),
            audiences: Vec::new(),
            typ: None,
            leeway: Duration::from_secs(30),
            must_expire: true,
        }
    }
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Invalid {
    Malformed,
    Algorithm,
    Key,
    Signature,
    Expired,
    Early,
    Issuer,
    Audience,
    Type,
    Claims,
    Revoked,
}

impl Invalid {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Malformed => "the token cannot be read",
            Self::Algorithm => "the token is signed by an algorithm that is not allowed",
            Self::Key => "the token is signed by a key that is not known",
            Self::Signature => "the token's signature is wrong",
            Self::Expired => "the token has expired",
            Self::Early => "the token does not hold yet",
            Self::Issuer => "the token is of another issuer",
            Self::Audience => "the token is for another audience",
            Self::Type => "the token is of another type",
            Self::Claims => "the token lacks a claim, or has one that cannot be read",
            Self::Revoked => "the token was revoked",
        }
    }

    fn of(kind: &ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidSignature => Self::Signature,
            ErrorKind::ExpiredSignature => Self::Expired,
            ErrorKind::ImmatureSignature => Self::Early,
            ErrorKind::InvalidIssuer => Self::Issuer,
            ErrorKind::InvalidAudience => Self::Audience,
            ErrorKind::InvalidAlgorithm => Self::Algorithm,
            ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => Self::Claims,
            _ => Self::Malformed,
        }
    }
}

/// A longer token is none, in bytes.
const LONGEST: usize = 16 * 1024;

/// What stands before a token's claims.
pub(super) fn header_of(token: &[u8]) -> Result<Header, Invalid> {
    if token.len() > LONGEST {
        return Err(Invalid::Malformed);
    }
    let header = decode_header(token).map_err(|error| match error.kind() {
        // `none` and everything else that is no algorithm.
        ErrorKind::Json(error) if error.to_string().contains("variant") => Invalid::Algorithm,
        _ => Invalid::Malformed,
    })?;
    // What must be understood is not understood here (RFC 7515, 4.1.11), and nothing is encrypted.
    if header.crit.is_some() || header.enc.is_some() || header.extras.inner().contains_key("b64") {
        return Err(Invalid::Malformed);
    }
    Ok(header)
}

impl TokenChecks {
    /// The claims of a token that one of the keys has signed and that holds now.
    pub(super) fn verify(
        &self,
        token: &[u8],
        header: &Header,
        keys: &Keys,
    ) -> Result<Value, Invalid> {
        if !self.algorithms.contains(&header.alg) || !keys.allows(header.alg) {
            return Err(Invalid::Algorithm);
        }
        if !self.is_of_type(header) {
            return Err(Invalid::Type);
        }
        let validation = self.validation(header.alg);
        let mut why = Invalid::Key;
        for key in keys.fitting(header.kid.as_deref(), header.alg) {
            match decode::<Value>(token, key, &validation) {
                Ok(token) if token.claims.is_object() => return Ok(token.claims),
                Ok(_) => return Err(Invalid::Malformed),
                Err(error) => why = Invalid::of(error.kind()),
            }
            // It was this one's; what is wrong with it is something else.
            if why != Invalid::Signature {
                break;
            }
        }
        Err(why)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.leeway.as_secs();
        validation.validate_nbf = true;
        validation.required_spec_claims.clear();
        let mut require = |name: &str| {
            validation.required_spec_claims.insert(name.to_owned());
        };
        if self.must_expire {
            require("exp");
        }
        if !self.issuers.is_empty() {
            require("iss");
        }
        if !self.audiences.is_empty() {
            require("aud");
        }
        if !self.issuers.is_empty() {
            validation.set_issuer(&self.issuers);
        }
        if self.audiences.is_empty() {
            validation.validate_aud = false;
        } else {
            validation.set_audience(&self.audiences);
        }
        validation
    }

    /// `application/` may be left out (RFC 7515, 4.1.9).
    fn is_of_type(&self, header: &Header) -> bool {
        let bare = |text: &str| {
            let text = text.to_ascii_lowercase();
            text.strip_prefix("application/").map_or(text.clone(), str::to_owned)
        };
        self.typ
            .as_ref()
            .is_none_or(|own| header.typ.as_ref().is_some_and(|typ| bare(typ) == bare(own)))
    }
}
