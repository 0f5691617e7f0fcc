//! Who may ask for what.

use http::{Method, Request};
use serde_json::Value;

use crate::route_pattern::{AskedFor, RoutePattern};

/// What a route asks of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Nothing.
    Public,
    /// A token.
    Authenticated,
    /// A token with this scope (RFC 6749, 3.3).
    Scope(String),
    /// A token with this role.
    Role(String),
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRule {
    pub route: RoutePattern,
    pub access: Access,
}

/// Everything that a request must satisfy: the first rule of each way in which a service may read it,
/// a token where none is about it. A path that one reader takes for a public one is not public for
/// another that follows its dots.
pub(super) fn asked<'a, B>(rules: &'a [AccessRule], request: &Request<B>) -> Vec<&'a Access> {
    let mut all: Vec<&Access> = Vec::new();
    // What a browser asks beforehand carries no token (Fetch, 4.8).
    if request.method() == Method::OPTIONS
        && request.headers().contains_key(http::header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        return all;
    }
    AskedFor::of(request).each_reading(|method, parts| {
        let rule = rules.iter().find(|rule| rule.route.is_read_as(method, parts));
        let access = rule.map_or(&Access::Authenticated, |rule| &rule.access);
        if *access != Access::Public && !all.contains(&access) {
            all.push(access);
        }
    });
    all
}

/// Where scopes and roles stand in a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessClaims {
    /// Words in one text or a list; `scope` and `scp` by default.
    pub scopes: Vec<String>,
    /// Names, with points for what lies within: `realm_access.roles`; `roles` and `role` by default.
    pub roles: Vec<String>,
}

impl Default for AccessClaims {
    fn default() -> Self {
        let of = |names: [&str; 2]| names.map(str::to_owned).to_vec();
        Self { scopes: of(["scope", "scp"]), roles: of(["roles", "role"]) }
    }
}

impl AccessClaims {
    pub(super) fn satisfies(&self, access: &Access, claims: &Value) -> bool {
        let has = |paths: &[String], word: &str| {
            paths.iter().filter_map(|path| claim(claims, path)).any(|value| holds(value, word))
        };
        match access {
            Access::Public | Access::Authenticated => true,
            Access::Scope(scope) => has(&self.scopes, scope),
            Access::Role(role) => has(&self.roles, role),
        }
    }
}

/// A claim by its name, or by a path with points: the name itself first, for claims that are URLs.
pub(super) fn claim<'a>(claims: &'a Value, path: &str) -> Option<&'a Value> {
    claims.get(path).or_else(|| path.split('.').try_fold(claims, |value, name| value.get(name)))
}

fn holds(value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) => text.split(' ').any(|one| one == word),
        Value::Array(all) => all.iter().any(|one| one.as_str() == Some(word)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules() -> Vec<AccessRule> {
        let rule = |method: Option<Method>, path: &str, access| AccessRule {
            route: RoutePattern { method, path: path.to_owned() },
            access,
        };
        vec![
            rule(None, "/public", Access::Public),
            rule(Some(Method::GET), "/orders", Access::Scope("read".to_owned())),
            rule(None, "/orders", Access::Scope("write".to_owned())),
            rule(None, "/admin", Access::Role("admin".to_owned())),
        ]
    }

    fn words(method: &str, target: &str) -> String {
        let request = Request::builder().method(method).uri(target).body(()).expect("sound");
        let rules = rules();
        let mut all: Vec<_> = asked(&rules, &request)
            .into_iter()
            .map(|access| match access {
                Access::Public => "public",
                Access::Authenticated => "token",
                Access::Scope(word) | Access::Role(word) => word,
            })
            .collect();
        all.sort_unstable();
        all.join(" ")
    }

    #[test]
    fn the_first_rule_counts_and_without_one_a_token_is_asked_for() {
        assert_eq!(words("GET", "/public/a"), "");
        assert_eq!(words("GET", "/orders/1"), "read");
        assert_eq!(words("HEAD", "/orders/1"), "read");
        assert_eq!(words("DELETE", "/orders/1"), "write");
        assert_eq!(words("GET", "/"), "token");
        assert_eq!(words("GET", "/publicity"), "token");
    }

    #[test]
    fn every_way_to_read_a_request_must_be_allowed() {
        assert_eq!(words("GET", "/public/../admin"), "admin");
        assert_eq!(words("GET", "/public/%2e%2e/admin"), "admin");
        assert_eq!(words("GET", "/public%2F..%2Fadmin"), "admin token");
        assert_eq!(words("GET", "/public;/../admin"), "admin token");
        assert_eq!(words("GET", "/orders/..;/admin"), "admin read");
        assert_eq!(words("GET", "/orders?_method=DELETE"), "read write");
        assert_eq!(words("GET", "/PUBLIC"), "", "as services of capital letters read it");
    }

    #[test]
    fn a_preflight_is_let_through_and_a_bare_options_is_not() {
        let preflight = Request::options("/admin").header("access-control-request-method", "PUT");
        assert!(asked(&rules(), &preflight.body(()).expect("sound")).is_empty());
        assert_eq!(words("OPTIONS", "/admin"), "admin");
    }

    #[test]
    fn scopes_and_roles_are_found_where_issuers_put_them() {
        let claims =
            AccessClaims { roles: vec!["realm_access.roles".to_owned()], ..Default::default() };
        let token = json!({"scope": "read write", "realm_access": {"roles": ["admin"]}});
        let scope = |word: &str| claims.satisfies(&Access::Scope(word.to_owned()), &token);
        assert!(scope("read") && scope("write") && !scope("rea") && !scope("read write"));
        assert!(claims.satisfies(&Access::Role("admin".to_owned()), &token));
        assert!(!claims.satisfies(&Access::Role("admin".to_owned()), &json!({"roles": ["admin"]})));
        let list = json!({"scp": ["read"]});
        assert!(claims.satisfies(&Access::Scope("read".to_owned()), &list));
    }
}
