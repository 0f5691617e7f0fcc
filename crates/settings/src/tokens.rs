//! `[supply.tokens]`: the tokens that the edge verifies, and who may ask for what.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::Span;

/// JSON Web Tokens that are verified before the service sees a request. A route that no rule is about
/// asks for a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// What tokens may be signed by, whatever they say themselves: `RS256`, `ES256`, `EdDSA`, `HS256`
    /// and their kin.
    pub algorithms: Vec<String>,
    /// The issuer's key set: an `https://` URL, which is fetched anew every five minutes and whenever
    /// a token names a key that is not in it, or a file. One of `key_set`, `public_key` and `secret`.
    #[serde(default)]
    pub key_set: Option<String>,
    /// A file with one public key as PEM.
    #[serde(default)]
    pub public_key: Option<String>,
    /// The variable that holds the secret of HS256 and its kin; at least 32 bytes.
    #[serde(default)]
    pub secret: Option<String>,
    /// Who may have issued them (`iss`).
    #[serde(default)]
    pub issuers: Vec<String>,
    /// Whom they may be for (`aud`).
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Their type (`typ`), for example `at+jwt`.
    #[serde(default, rename = "type")]
    pub typ: Option<String>,
    /// How far clocks may differ.
    #[serde(default = "leeway")]
    pub leeway: Span,
    /// Whether a token that never expires is refused.
    #[serde(default = "yes")]
    pub must_expire: bool,
    /// Where they are looked for, in this order: `header` (`Authorization: Bearer`), `header:NAME`,
    /// `cookie:NAME` and, for WebSocket upgrades, `query:NAME` or `protocol:WORD`.
    #[serde(default = "places")]
    pub from: Vec<String>,
    /// Headers for the service, each with the claim that it holds: `{ "X-User-Id" = "sub" }`. What
    /// clients send under these names is taken away.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Who may ask for what; the first rule about a request counts.
    #[serde(default)]
    pub rules: Vec<TokenRule>,
    /// Claims that hold scopes; `scope` and `scp` by default.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Claims that hold roles, with points for what lies within (`realm_access.roles`); `roles` and
    /// `role` by default.
    #[serde(default)]
    pub roles: Vec<String>,
    /// A file of ids (`jti`) that hold no more, a line each; the operators' socket adds to it. Without
    /// one, what was revoked is forgotten when seaworthy ends.
    #[serde(default)]
    pub revoked: Option<String>,
}

/// Who may ask for a route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRule {
    /// `GET /orders`, or a path alone for every method, with everything below it.
    pub route: String,
    /// `public`, `authenticated`, `scope:NAME` or `role:NAME`.
    pub allow: String,
}

fn leeway() -> Span {
    Span::seconds(30)
}

fn yes() -> bool {
    true
}

fn places() -> Vec<String> {
    vec!["header".to_owned()]
}
