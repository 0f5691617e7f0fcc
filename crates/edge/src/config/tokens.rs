//! `[supply.tokens]`: which tokens count, and who may ask for what.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use http::{HeaderName, Uri};
use jsonwebtoken::Algorithm;
use layers::{
    Access, AccessClaims, AccessRule, KeySource, Keys, Revoked, TokenChecks, TokenPlace, Tokens,
};
use settings::tokens::{TokenRule, TokenSettings};

use super::features::route;
use super::problem::Problem;

/// Tokens as they are declared; their keys are read when the edge starts.
#[derive(Debug, Clone)]
pub struct TokenConfig {
    pub(crate) tokens: Tokens,
    pub(crate) keys: KeyOrigin,
    /// The file of what was revoked.
    pub(crate) revoked: Option<PathBuf>,
}

/// Where the keys are.
#[derive(Debug, Clone)]
pub(crate) enum KeyOrigin {
    /// They are here.
    Known(Keys),
    PublicKey(PathBuf),
    SetFile(PathBuf),
    SetUrl(Uri),
}

impl TokenConfig {
    /// Files are named from the folder of the manifest.
    pub fn rooted(mut self, root: &std::path::Path) -> Self {
        self.revoked = self.revoked.map(|file| root.join(file));
        self.keys = match self.keys {
            KeyOrigin::PublicKey(file) => KeyOrigin::PublicKey(root.join(file)),
            KeyOrigin::SetFile(file) => KeyOrigin::SetFile(root.join(file)),
            other => other,
        };
        self
    }
}

/// What is declared; everything that is wrong with it becomes a problem.
pub(super) fn tokens(
    declared: &TokenSettings,
    values: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> Option<TokenConfig> {
    let before = problems.len();
    let mut wrong = |key: &str, why: String| problems.push(format!("supply.tokens.{key}: {why}"));
    let mut algorithms = Vec::new();
    for name in &declared.algorithms {
        match name.parse::<Algorithm>() {
            Ok(algorithm) => algorithms.push(algorithm),
            Err(_) => wrong("algorithms", format!("expected {KNOWN}, found {name:?}")),
        }
    }
    if declared.algorithms.is_empty() {
        wrong("algorithms", format!("expected one at least of {KNOWN}, found none"));
    }
    let keys = keys(declared, values).map_err(|(key, why)| wrong(key, why)).ok();
    if let Some(KeyOrigin::Known(known)) = &keys {
        for algorithm in algorithms.iter().filter(|algorithm| !known.allows(**algorithm)) {
            let why = format!("{algorithm:?} signs with a key pair, and a secret is declared");
            wrong("algorithms", why);
        }
    }
    let mut places = Vec::new();
    for text in &declared.from {
        match text.parse::<TokenPlace>() {
            Ok(place) => places.push(place),
            Err(why) => wrong("from", why),
        }
    }
    if places.is_empty() {
        wrong("from", "expected one place at least, found none".to_owned());
    }
    let mut headers = Vec::new();
    for (name, claim) in &declared.headers {
        match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => headers.push((name, claim.clone())),
            Err(_) => wrong("headers", format!("{name:?} is no header's name")),
        }
    }
    let mut rules = Vec::new();
    for rule in &declared.rules {
        match access(rule) {
            Ok(access) => rules.push(AccessRule { route: route(&rule.route), access }),
            Err(why) => wrong("rules", why),
        }
    }
    let or = |own: &Vec<String>, usual: Vec<String>| {
        if own.is_empty() { usual } else { own.clone() }
    };
    let usual = AccessClaims::default();
    let tokens = Tokens {
        places,
        keys: KeySource::Fixed(Arc::default()),
        checks: TokenChecks {
            algorithms,
            issuers: declared.issuers.clone(),
            audiences: declared.audiences.clone(),
            typ: declared.typ.clone(),
            leeway: declared.leeway.0,
            must_expire: declared.must_expire,
        },
        rules,
        claims: AccessClaims {
            scopes: or(&declared.scopes, usual.scopes),
            roles: or(&declared.roles, usual.roles),
        },
        headers,
        revoked: Revoked::default(),
    };
    let revoked = declared.revoked.as_ref().map(PathBuf::from);
    let keys = keys.filter(|_| problems.len() == before)?;
    Some(TokenConfig { tokens, keys, revoked })
}

const KNOWN: &str =
    "HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA";

fn keys(
    declared: &TokenSettings,
    values: &BTreeMap<String, String>,
) -> Result<KeyOrigin, (&'static str, String)> {
    match (&declared.key_set, &declared.public_key, &declared.secret) {
        (Some(place), None, None) => key_set(place).map_err(|why| ("key_set", why)),
        (None, Some(file), None) => Ok(KeyOrigin::PublicKey(file.into())),
        (None, None, Some(variable)) => {
            let value = values.get(variable).filter(|value| !value.is_empty());
            let value = value.ok_or(("secret", format!("{variable} is not set")))?;
            let keys = Keys::secret(value.as_bytes());
            keys.map(KeyOrigin::Known).map_err(|why| ("secret", format!("{variable}: {why}")))
        }
        _ => Err((
            "key_set",
            "expected one of key_set, public_key and secret, found none or several".to_owned(),
        )),
    }
}

fn key_set(place: &str) -> Result<KeyOrigin, String> {
    let Some((scheme, _)) = place.split_once("://") else {
        return Ok(KeyOrigin::SetFile(place.into()));
    };
    let wrong = |why: &str| format!("{why}, found {place:?}");
    let url: Uri = place.parse().map_err(|_| wrong("expected a URL"))?;
    let host = url.host().ok_or_else(|| wrong("expected a URL with a host"))?;
    match scheme {
        "https" => Ok(KeyOrigin::SetUrl(url)),
        // Whoever stands between could put a key of their own in it.
        "http" if matches!(host, "localhost" | "127.0.0.1" | "[::1]") => Ok(KeyOrigin::SetUrl(url)),
        "http" => Err(wrong("expected https, or http on this machine")),
        _ => Err(wrong("expected an https URL or a file")),
    }
}

fn access(rule: &TokenRule) -> Result<Access, String> {
    let named = |prefix: &str| {
        rule.allow.strip_prefix(prefix).map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned)
    };
    match rule.allow.as_str() {
        "public" => Ok(Access::Public),
        "authenticated" => Ok(Access::Authenticated),
        other => named("scope:")
            .map(Access::Scope)
            .or_else(|| named("role:").map(Access::Role))
            .ok_or_else(|| {
                format!(
                    "{:?}: expected public, authenticated, scope:NAME or role:NAME, found {other:?}",
                    rule.route
                )
            }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, secret: &str) -> Result<TokenConfig, Vec<Problem>> {
        let text = format!("[service]\nname=\"a\"\nstart=\"a {{port}}\"\n[supply.tokens]\n{text}");
        let manifest = settings::parse(&text).expect("it is good").manifest;
        let values = BTreeMap::from([("KEY".to_owned(), secret.to_owned())]);
        let mut problems = Vec::new();
        let found = tokens(&manifest.supply.tokens.expect("declared"), &values, &mut problems);
        found.ok_or(problems)
    }

    #[test]
    fn what_is_declared_is_read() {
        let text = "algorithms=[\"RS256\"]\nkey_set=\"https://issuer/keys\"\n\
                    rules=[{route=\"GET /orders\",allow=\"scope:read\"},{route=\"/a\",allow=\"role:b\"}]\n";
        let config = read(text, "").expect("good");
        assert!(matches!(config.keys, KeyOrigin::SetUrl(_)));
        assert_eq!(config.tokens.rules[1].access, Access::Role("b".to_owned()));
        assert_eq!(config.tokens.claims, AccessClaims::default());
        let secret = "algorithms=[\"HS256\"]\nsecret=\"KEY\"\n";
        assert!(read(secret, &"x".repeat(32)).is_ok());
    }

    #[test]
    fn everything_that_is_wrong_is_told() {
        let hs = "algorithms=[\"HS256\"]\n";
        for (text, told) in [
            ("algorithms=[]\nsecret=\"KEY\"\n", "expected one at least"),
            ("algorithms=[\"none\"]\nsecret=\"KEY\"\n", "found \"none\""),
            ("algorithms=[\"RS256\"]\nsecret=\"KEY\"\n", "signs with a key pair"),
            (&format!("{hs}secret=\"OTHER\"\n"), "OTHER is not set"),
            (hs, "found none or several"),
            (&format!("{hs}key_set=\"http://issuer/keys\"\n"), "expected https"),
            (&format!("{hs}key_set=\"ftp://issuer/keys\"\n"), "an https URL or a file"),
            (&format!("{hs}secret=\"KEY\"\nfrom=[\"body\"]\n"), "expected header, header:NAME"),
            (&format!("{hs}secret=\"KEY\"\nheaders={{\"a b\"=\"sub\"}}\n"), "no header's name"),
            (
                &format!("{hs}secret=\"KEY\"\nrules=[{{route=\"/\",allow=\"x\"}}]\n"),
                "scope:NAME or role:NAME",
            ),
        ] {
            let problems = read(text, &"x".repeat(32)).expect_err(text);
            assert!(problems.iter().any(|problem| problem.contains(told)), "{text}: {problems:?}");
        }
        let weak = read(&format!("{hs}secret=\"KEY\"\n"), "changeme").expect_err("weak");
        assert!(weak[0].contains("KEY: expected a secret of at least 32 bytes"), "{weak:?}");
    }
}
