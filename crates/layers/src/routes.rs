//! From paths to route templates, so that a metric has as many series as the service has routes and
//! not as many as it has customers.

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

/// Knows the routes of a service, and guesses where it does not.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    templates: Arc<Vec<Vec<String>>>,
    seen: Arc<RwLock<BTreeSet<String>>>,
}

/// More guessed routes than this are one.
const MOST: usize = 200;
/// What nothing was found for.
pub(crate) const UNMATCHED: &str = "(unmatched)";
pub(crate) const OTHER: &str = "(other)";

impl Routes {
    /// These templates: `/orders/{id}`.
    pub fn new(templates: impl IntoIterator<Item = String>) -> Self {
        let templates =
            templates.into_iter().map(|text| segments(&text).map(str::to_owned).collect());
        Self { templates: Arc::new(templates.collect()), seen: Arc::default() }
    }

    /// The known template of a path.
    pub fn known(&self, path: &str) -> Option<String> {
        let matches = |template: &&Vec<String>| {
            let mut parts = segments(path);
            let fits =
                |own: &String| parts.next().is_some_and(|part| own.starts_with('{') || own == part);
            template.iter().all(fits) && parts.next().is_none()
        };
        let template = self.templates.iter().find(matches)?;
        Some(format!("/{}", template.join("/")))
    }

    /// The template of a path. Unknown paths that were not found are all the same one.
    pub fn of(&self, path: &str, status: u16) -> String {
        if let Some(template) = self.known(path) {
            return template;
        }
        if matches!(status, 404 | 405) {
            return UNMATCHED.to_owned();
        }
        self.bounded(guess(path))
    }

    fn bounded(&self, route: String) -> String {
        let poisoned = std::sync::PoisonError::into_inner;
        let known = self.seen.read().unwrap_or_else(poisoned);
        if known.contains(&route) {
            return route;
        }
        let full = known.len() >= MOST;
        drop(known);
        if full {
            return OTHER.to_owned();
        }
        self.seen.write().unwrap_or_else(std::sync::PoisonError::into_inner).insert(route.clone());
        route
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// Puts `{id}` where a segment looks like an identifier: digits in it, or longer than a word.
fn guess(path: &str) -> String {
    let mut route = String::with_capacity(path.len() + 1);
    for part in segments(path) {
        route.push('/');
        let version = part.len() <= 3 && part.starts_with('v');
        let odd = part.bytes().any(|b| b.is_ascii_digit() || !b.is_ascii_graphic() || b == b'%');
        route.push_str(if (odd && !version) || part.len() > 32 { "{id}" } else { part });
    }
    if route.is_empty() { "/".to_owned() } else { route }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_routes_win_and_identifiers_are_guessed() {
        let routes = Routes::new(["/orders/{order}/lines".to_owned()]);
        for (path, status, route) in [
            ("/orders/abc/lines", 200, "/orders/{order}/lines"),
            ("/orders/abc/lines", 404, "/orders/{order}/lines"),
            ("/users/42", 200, "/users/{id}"),
            ("/v1/users/7b0c", 200, "/v1/users/{id}"),
            ("/", 200, "/"),
            ("/nothing", 404, UNMATCHED),
            ("/a%20b", 200, "/{id}"),
        ] {
            assert_eq!(routes.of(path, status), route, "{path}");
        }
    }

    #[test]
    fn the_number_of_routes_is_bounded() {
        let routes = Routes::default();
        let words = (0..26u8 * 9)
            .map(|n| format!("/{}{}", char::from(97 + n / 26), char::from(97 + n % 26)));
        let named: BTreeSet<_> = words.map(|path| routes.of(&path, 200)).collect();
        assert_eq!(named.len(), MOST + 1);
        assert!(named.contains(OTHER));
    }
}
