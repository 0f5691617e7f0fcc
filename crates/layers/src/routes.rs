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

    /// The path with its beginning replaced, where that is as a template says.
    pub(crate) fn hidden(&self, path: &str) -> Option<String> {
        let begins = |template: &&Template| {
            let mut parts = segments(path);
            let fits =
                |own: &String| parts.next().is_some_and(|part| own.starts_with('{') || own == part);
            template.text.contains('{') && template.segments.iter().all(fits)
        };
        let template = self.templates.iter().find(begins)?;
        let rest = segments(path).skip(template.segments.len());
        Some(rest.fold(template.text.to_string(), |path, part| path + "/" + part))
    }

    /// The template of a path. A path that is not known becomes a route when a service answered it
    /// well, or failed at it (500); all others are the same one, whatever a scanner asks for.
    pub fn of(&self, path: &str, status: u16) -> Arc<String> {
        if let Some(template) = self.known(path) {
            return template;
        }
        // What was seen as a route stands for itself.
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = seen.get(path) {
            return Arc::clone(route);
        }
        let route = guess(path);
        if let Some(route) = seen.get(&route) {
            return Arc::clone(route);
        }
        drop(seen);
        match status {
            200..=299 | 302..=304 | 307 | 500 => self.bounded(&route),
            _ => self.bounded(UNMATCHED),
        }
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

/// More segments than this are not told apart.
const DEEPEST: usize = 8;

/// Puts `{id}` where a segment looks like an identifier: digits in it, or longer than a word.
fn guess(path: &str) -> String {
    let mut route = String::with_capacity(64);
    let mut parts = segments(path);
    for part in parts.by_ref().take(DEEPEST) {
        route.push('/');
        let version = part.len() <= 3 && part.starts_with('v');
        let odd = part.bytes().any(|b| b.is_ascii_digit() || !b.is_ascii_graphic() || b == b'%');
        route.push_str(if (odd && !version) || part.len() > 32 { "{id}" } else { part });
    }
    if parts.next().is_some() {
        route.push_str("/…");
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
            ("/fails", 401, UNMATCHED),
            ("/fails", 500, "/fails"),
            ("/fails", 503, "/fails"),
            ("/users/43", 404, "/users/{id}"),
            ("/a/b/c/d/e/f/g/h/i/j", 200, "/a/b/c/d/e/f/g/h/…"),
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
        let hostile = "/x".repeat(30_000);
        assert!(Routes::default().of(&hostile, 200).len() < 300);
        let scanned = Routes::default();
        for word in ["/a", "/b", "/admin", "/env"] {
            assert_eq!(*scanned.of(word, 503), UNMATCHED, "it was never a route");
        }
    }
}
