//! From paths to route templates, so that a metric has as many series as the service has routes and
//! not as many as it has customers.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Knows the routes of a service, and guesses where it does not.
#[derive(Debug, Clone, Default)]
pub struct Routes {
    templates: Arc<Vec<Template>>,
    seen: Arc<RwLock<BTreeMap<String, Arc<String>>>>,
}

#[derive(Debug)]
struct Template {
    segments: Vec<String>,
    text: Arc<String>,
}

/// More guessed routes than this are one.
const MOST: usize = 200;
/// What nothing was found for.
pub(crate) const UNMATCHED: &str = "(unmatched)";
pub(crate) const OTHER: &str = "(other)";

impl Routes {
    /// These templates: `/orders/{id}`.
    pub fn new(templates: impl IntoIterator<Item = String>) -> Self {
        let templates = templates.into_iter().map(|text| {
            let segments: Vec<String> = segments(&text).map(str::to_owned).collect();
            let text = Arc::new(format!("/{}", segments.join("/")));
            Template { segments, text }
        });
        Self { templates: Arc::new(templates.collect()), seen: Arc::default() }
    }

    /// The known template of a path.
    pub fn known(&self, path: &str) -> Option<Arc<String>> {
        let matches = |template: &&Template| {
            let mut parts = segments(path);
            let fits =
                |own: &String| parts.next().is_some_and(|part| own.starts_with('{') || own == part);
            template.segments.iter().all(fits) && parts.next().is_none()
        };
        let template = self.templates.iter().find(matches)?;
        Some(Arc::clone(&template.text))
    }

    /// The template of a path. Unknown paths that were not found are all the same one.
    pub fn of(&self, path: &str, status: u16) -> Arc<String> {
        if let Some(template) = self.known(path) {
            return template;
        }
        if matches!(status, 404 | 405) {
            return self.bounded(UNMATCHED);
        }
        // What was seen as a route stands for itself.
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = seen.get(path) {
            return Arc::clone(route);
        }
        drop(seen);
        self.bounded(&guess(path))
    }

    fn bounded(&self, route: &str) -> Arc<String> {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        let full = seen.len() >= MOST && !seen.contains_key(route);
        let route = if full { OTHER } else { route };
        let new = || Arc::new(route.to_owned());
        Arc::clone(seen.entry(route.to_owned()).or_insert_with(new))
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
    use std::collections::BTreeSet;

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
            assert_eq!(*routes.of(path, status), route, "{path}");
        }
    }

    #[test]
    fn the_number_of_routes_is_bounded() {
        let routes = Routes::default();
        let words = (0..26u8 * 9)
            .map(|n| format!("/{}{}", char::from(97 + n / 26), char::from(97 + n % 26)));
        let named: BTreeSet<_> = words.map(|path| routes.of(&path, 200)).collect();
        assert_eq!(named.len(), MOST + 1);
        assert!(named.iter().any(|name| **name == OTHER));
    }
}
