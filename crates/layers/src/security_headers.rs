//! The headers that matter for its content are on every answer, errors too (OWASP ASVS 5.0, 3.4).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, SERVER};
use http::{HeaderName, HeaderValue, Request, Response};

use crate::policy::Policy;

/// Which headers are added where the service does not set them.
#[derive(Debug, Clone)]
pub struct SecurityHeaders {
    /// On every answer.
    pub all: Vec<(HeaderName, HeaderValue)>,
    /// On pages.
    pub pages: Vec<(HeaderName, HeaderValue)>,
    /// Taken away, as is a `Server` with a version: they tell an attacker what is running.
    pub remove: Vec<HeaderName>,
}

fn pair(name: &'static str, value: &'static str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

impl Default for SecurityHeaders {
    /// `nosniff` and a strict referrer everywhere; on pages a policy that lets in nothing of others
    /// and no frame. A page that needs more sets its own policy, which is kept.
    fn default() -> Self {
        let policy =
            "default-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'";
        Self {
            all: vec![
                pair("x-content-type-options", "nosniff"),
                pair("referrer-policy", "strict-origin-when-cross-origin"),
            ],
            pages: vec![pair("content-security-policy", policy), pair("x-frame-options", "DENY")],
            remove: vec![HeaderName::from_static("x-powered-by")],
        }
    }
}

impl SecurityHeaders {
    /// Leaves out a header of the default list.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.all.retain(|(known, _)| !known.as_str().eq_ignore_ascii_case(name));
        self.pages.retain(|(known, _)| !known.as_str().eq_ignore_ascii_case(name));
        self
    }

    /// Adds a header to every answer.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.all.retain(|(known, _)| *known != name);
        self.all.push((name, value));
        self
    }
}

impl Policy for SecurityHeaders {
    type State = ();

    fn request<B>(&self, _: &mut Request<B>) -> Result<(), Box<Response<Bytes>>> {
        Ok(())
    }

    fn response<B>(&self, (): (), response: &mut Response<B>) {
        let headers = response.headers_mut();
        for name in &self.remove {
            headers.remove(name);
        }
        // A name alone helps nobody; a version says which holes to try.
        let tells = |value: &HeaderValue| value.as_bytes().iter().any(u8::is_ascii_digit);
        if headers.get(SERVER).is_some_and(tells) {
            headers.remove(SERVER);
        }
        let kind = headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
        let page = kind.starts_with(b"text/html") || kind.starts_with(b"application/xhtml");
        let pages = if page { self.pages.as_slice() } else { &[] };
        for (name, value) in self.all.iter().chain(pages) {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_get_a_policy_and_own_headers_are_kept() {
        let headers = SecurityHeaders::default().without("x-frame-options");
        let mut page = Response::builder()
            .header("content-type", "text/html; charset=utf-8")
            .header("referrer-policy", "no-referrer")
            .header("x-powered-by", "x")
            .body(())
            .expect("it is sound");
        headers.response((), &mut page);
        assert!(page.headers().contains_key("content-security-policy"));
        assert_eq!(page.headers()["referrer-policy"], "no-referrer");
        assert!(!page.headers().contains_key("x-frame-options"));
        assert!(!page.headers().contains_key("x-powered-by"));
        let mut error = Response::builder().status(500).body(()).expect("it is sound");
        headers.response((), &mut error);
        assert_eq!(error.headers()["x-content-type-options"], "nosniff");
        assert!(!error.headers().contains_key("content-security-policy"));
    }
}
