//! Which requests a rule is about: a method and a path, in every way in which services read them.

use http::{HeaderMap, HeaderName, Method, Request};
use percent_encoding::percent_decode_str;

/// A method and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutePattern {
    /// Any method without one.
    pub method: Option<Method>,
    /// The path and everything below it; a segment in braces matches any.
    pub path: String,
}

/// What a request asks for: its method, those it asks to be taken for, and its path.
pub(crate) struct AskedFor<'a> {
    method: &'a Method,
    over: Vec<Method>,
    path: &'a str,
}

impl<'a> AskedFor<'a> {
    pub(crate) fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            over: overriding(request.headers(), request.uri().query()),
            path: request.uri().path(),
        }
    }

    /// Every way in which a service may read it: a method, and the segments of a path.
    pub(crate) fn each_reading(&self, mut see: impl FnMut(&Method, &[&str])) {
        let methods = std::iter::once(self.method).chain(&self.over);
        let parts: Vec<&str> = segments(self.path).collect();
        let odd = if is_odd(self.path) { &readings(self.path)[..] } else { &[] };
        for method in methods {
            see(method, &parts);
            for reading in odd {
                see(method, &reading.iter().map(String::as_str).collect::<Vec<_>>());
            }
        }
    }
}

impl RoutePattern {
    /// Whether it holds for one reading of a request.
    pub(crate) fn is_read_as(&self, method: &Method, parts: &[&str]) -> bool {
        let own = self.method.as_ref();
        own.is_none_or(|own| own == method || (own == Method::GET && method == Method::HEAD))
            && self.holds(parts)
    }

    pub(crate) fn matches(&self, asked: &AskedFor<'_>) -> bool {
        let mut methods = std::iter::once(asked.method).chain(&asked.over);
        let is_asked = |method: &Method| {
            let own = self.method.as_ref();
            own.is_none_or(|own| own == method || (own == Method::GET && method == Method::HEAD))
        };
        if !methods.any(is_asked) {
            return false;
        }
        // Services differ in how they read a path; a rule holds for each of the readings.
        let path = asked.path;
        self.holds(segments(path))
            || (is_odd(path) && readings(path).iter().any(|parts| self.holds(parts)))
    }

    fn holds(&self, parts: impl IntoIterator<Item = impl AsRef<str>>) -> bool {
        let mut parts = parts.into_iter();
        let fits = |own: &str| {
            let part = parts.next();
            part.is_some_and(|part| own.starts_with('{') || same(own, part.as_ref()))
        };
        segments(&self.path).all(fits)
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// Whether a segment is this one, as a service may read it: with what is encoded decoded, and many
/// (Express, ASP.NET) take capital letters for small ones.
fn same(own: &str, part: &str) -> bool {
    own.eq_ignore_ascii_case(part)
        || (part.contains('%') && {
            let decoded = percent_decode_str(part).decode_utf8_lossy();
            own.eq_ignore_ascii_case(&decoded)
        })
}

/// Whether a path may be read as another one.
fn is_odd(path: &str) -> bool {
    path.contains("/.") || path.contains(['%', '\\', ';'])
}

/// The segments of a path with `.` and `..` followed (RFC 3986, 5.2.4): decoded before or after it is
/// split, with parameters (`;a=b`) and without.
fn readings(path: &str) -> [Vec<String>; 4] {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let first = decode(path).replace('\\', "/");
    let whole = || first.split('/').map(str::to_owned);
    let each = || path.split('/').map(decode);
    let bare = |part: String| part.split(';').next().unwrap_or_default().to_owned();
    [follow(whole()), follow(whole().map(bare)), follow(each()), follow(each().map(bare))]
}

fn follow(parts: impl Iterator<Item = String>) -> Vec<String> {
    let mut all = Vec::new();
    for part in parts {
        match part.as_str() {
            "" | "." => {}
            ".." => drop(all.pop()),
            _ => all.push(part),
        }
    }
    all
}

/// The methods that a request asks to be taken for: Rails, Laravel and others obey. Which of several
/// counts, and how a name is spelt, differs from one to the next: each of them closes a gate.
fn overriding(headers: &HeaderMap, query: Option<&str>) -> Vec<Method> {
    const NAMES: [&str; 4] =
        ["x-http-method-override", "x-method-override", "x-http-method", "x-method"];
    let named = |name: &HeaderName| NAMES.iter().any(|one| is_spelt(name.as_str(), one));
    let of_headers = headers.iter().filter(|(name, _)| named(name));
    // A server that makes variables of fields joins several lines by commas.
    let of_headers = of_headers.flat_map(|(_, value)| value.as_bytes().split(|byte| *byte == b','));
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let of_query = pairs.filter(|(name, _)| *name == "_method").map(|(_, value)| value.as_bytes());
    let method = |word: &[u8]| {
        let word = word.trim_ascii().to_ascii_uppercase();
        (!word.is_empty()).then(|| Method::from_bytes(&word).ok()).flatten()
    };
    of_headers.chain(of_query).filter_map(method).collect()
}

/// Whether a field has this name where `_` is taken for `-`, as CGI, WSGI and Rack do.
fn is_spelt(name: &str, own: &str) -> bool {
    name.len() == own.len()
        && name.bytes().zip(own.bytes()).all(|(a, b)| a == b || (a == b'_' && b == b'-'))
}
