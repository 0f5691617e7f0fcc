//! A route behind a flag: while the flag is off for a caller, the route refuses and nothing else
//! does. A kill switch is a flag that is on by default.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;

use crate::caller::key;
use crate::flags::Flags;
use crate::policy::Policy;
use crate::refusal::Refusal;

/// One route behind a flag.
#[derive(Debug, Clone)]
pub struct Gate {
    pub flag: String,
    /// Any method without one.
    pub method: Option<Method>,
    /// The path and everything below it; a segment in braces matches any.
    pub path: String,
    pub status: StatusCode,
    /// The code of the refusal.
    pub code: String,
}

impl Gate {
    fn matches(&self, method: &Method, path: &str) -> bool {
        let asked = |own: &Method| own == method || (own == Method::GET && method == Method::HEAD);
        if !self.method.as_ref().is_none_or(asked) {
            return false;
        }
        // Services differ in how they read a path; the gate is closed for each of the readings.
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

/// All gates, and the flags that open them.
#[derive(Debug, Clone)]
pub struct Gates {
    pub flags: Flags,
    pub gates: Arc<Vec<Gate>>,
}

impl Policy for Gates {
    type State = ();

    fn request<B>(&self, request: &mut Request<B>) -> Result<(), Box<Response<Bytes>>> {
        let (method, path) = (request.method(), request.uri().path());
        let over = overriding(request.headers(), request.uri().query());
        let closed = self.gates.iter().find(|gate| {
            (gate.matches(method, path) || over.iter().any(|method| gate.matches(method, path)))
                && self
                    .flags
                    .evaluate(&gate.flag, &key(request.headers()))
                    .is_some_and(|flag| !flag.on)
        });
        let Some(gate) = closed else { return Ok(()) };
        let message = match gate.status {
            StatusCode::SERVICE_UNAVAILABLE => format!("{} is turned off for now", gate.flag),
            _ => "there is nothing here".to_owned(),
        };
        let refusal = Refusal::new(gate.status, gate.code.clone(), message);
        match gate.status {
            StatusCode::SERVICE_UNAVAILABLE => refusal.retry_after(60).refuse(),
            _ => refusal.refuse(),
        }
    }

    fn response<B>(&self, (): (), _: &mut Response<B>) {}
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

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::flags::Setting;

    #[test]
    fn only_its_own_route_is_closed() {
        let flags = Flags::new([("quotes".to_owned(), Setting::plain(false))]);
        let gate = Gate {
            flag: "quotes".to_owned(),
            method: Some(Method::GET),
            path: "/quotes/{id}".to_owned(),
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: "quotes_unavailable".to_owned(),
        };
        let gates = Gates { flags: flags.clone(), gates: Arc::new(vec![gate]) };
        let ask = |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path);
            gates.request(&mut request.body(()).expect("it is sound"))
        };
        let refused = ask("GET", "/quotes/7/lines").expect_err("closed");
        assert_eq!(refused.status(), 503);
        assert!(String::from_utf8_lossy(refused.body()).contains("quotes_unavailable"));
        for (method, path) in [("GET", "/quotes"), ("POST", "/quotes/7"), ("GET", "/quotesx/7")] {
            assert!(ask(method, path).is_ok(), "{method} {path}");
        }
        for path in [
            "/%71uot%65s/7",
            "/Quotes/7",
            "//quotes//7/",
            "/x/../quotes/7",
            "/./quotes/7",
            "/x%2F..%2Fquotes/7",
            "/quotes%2F7",
            "/quotes;v=1/7",
            "/quotes/../quotes/7",
            "/quotes/7/../../x",
            "/quotes/./;7/lines",
            "/x%2Fy/../quotes/7",
        ] {
            assert!(ask("GET", path).is_err(), "{path} may be the same, written otherwise");
        }
        assert!(ask("GET", "/x/../y/quotes/7").is_ok());
        let other = Request::post("/quotes/7").header("X-HTTP-Method-Override", "get");
        assert!(gates.request(&mut other.body(()).expect("it is sound")).is_err());
        for (name, value) in [
            ("X_HTTP_Method_Override", &b"get"[..]),
            ("X-Method-Override", b"POST, GET"),
            ("X-HTTP-Method", b"\xff,GET"),
        ] {
            let other = Request::post("/quotes/7").header("X-HTTP-Method-Override", "POST");
            let other = other.header(name, HeaderValue::from_bytes(value).expect("allowed"));
            assert!(gates.request(&mut other.body(()).expect("it is sound")).is_err(), "{name}");
        }
        assert!(ask("POST", "/quotes/7?a=1&_method=get").is_err());
        flags.set("quotes", Some(Setting::plain(true))).expect("it is known");
        assert!(ask("GET", "/quotes/7").is_ok());
    }
}
