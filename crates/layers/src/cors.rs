//! Only the declared origins may read answers (WHATWG Fetch, CORS protocol).

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};

use crate::list;
use crate::policy::Policy;

/// Which pages may read answers. The service's own words about it are replaced.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    origins: Arc<BTreeSet<String>>,
    public: bool,
}

/// How long a browser may remember a preflight, in seconds.
const REMEMBERED: &str = "600";
const PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

impl Cors {
    /// These origins, with credentials, compared letter by letter: `https://app.example.com`.
    pub fn origins(origins: impl IntoIterator<Item = String>) -> Self {
        Self { origins: Arc::new(origins.into_iter().collect()), public: false }
    }

    /// Everybody, without credentials: for public data.
    pub fn public() -> Self {
        Self { origins: Arc::default(), public: true }
    }

    fn allow(&self, headers: &mut HeaderMap, origin: &HeaderValue) -> bool {
        let known = origin.to_str().is_ok_and(|origin| self.origins.contains(origin));
        if known {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let yes = HeaderValue::from_static("true");
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
        } else if self.public {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        known || self.public
    }

    fn preflight(&self, asked: &HeaderMap, origin: &HeaderValue) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = StatusCode::NO_CONTENT;
        let headers = answer.headers_mut();
        headers.insert(VARY, HeaderValue::from_static("Origin, Access-Control-Request-Headers"));
        if self.allow(headers, origin) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(REMEMBERED));
            if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
            }
        }
        answer
    }
}

impl Policy for Cors {
    type State = Option<HeaderValue>;

    fn request<B>(&self, request: &mut Request<B>) -> Result<Self::State, Box<Response<Bytes>>> {
        let Some(origin) = request.headers().get(ORIGIN) else { return Ok(None) };
        let asks = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() == Method::OPTIONS && asks {
            return Err(Box::new(self.preflight(request.headers(), origin)));
        }
        Ok(Some(origin.clone()))
    }

    fn response<B>(&self, origin: Self::State, response: &mut Response<B>) {
        let headers = response.headers_mut();
        // Which headers a page may see is the service's own knowledge.
        let shown = headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
        for name in [
            ACCESS_CONTROL_ALLOW_ORIGIN,
            ACCESS_CONTROL_ALLOW_CREDENTIALS,
            ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_HEADERS,
            ACCESS_CONTROL_MAX_AGE,
            PRIVATE_NETWORK,
        ] {
            headers.remove(name);
        }
        // A shared cache must never give one origin's answer to another.
        if !self.origins.is_empty() && !varies_by_origin(headers) {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = origin
            && self.allow(headers, &origin)
            && let Some(shown) = shown
        {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, shown);
        }
    }
}

fn varies_by_origin(headers: &HeaderMap) -> bool {
    list::has(headers, &VARY, "origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://app.example.com";

    fn answer(cors: &Cors, method: Method, origin: &str) -> Response<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "x-a")
            .body(())
            .expect("it is sound");
        match cors.request(&mut request) {
            Err(answer) => *answer,
            Ok(state) => {
                let mut answer = Response::new(Bytes::new());
                let any = HeaderValue::from_static("*");
                answer.headers_mut().insert("access-control-allow-origin", any);
                answer.headers_mut().insert(PRIVATE_NETWORK, HeaderValue::from_static("true"));
                cors.response(state, &mut answer);
                answer
            }
        }
    }

    #[test]
    fn only_what_is_declared_is_allowed() {
        let cors = Cors::origins([OURS.to_owned()]);
        for method in [Method::GET, Method::OPTIONS] {
            let good = answer(&cors, method.clone(), OURS);
            assert!(!good.headers().contains_key(PRIVATE_NETWORK));
            assert_eq!(good.headers()["access-control-allow-origin"], OURS);
            let hostile =
                ["null", "https://app.example.com.evil.example", "http://app.example.com", "*"];
            for origin in hostile {
                let bad = answer(&cors, method.clone(), origin);
                assert!(!bad.headers().contains_key("access-control-allow-origin"), "{origin}");
            }
        }
        let preflight = answer(&cors, Method::OPTIONS, OURS);
        assert_eq!(preflight.status(), 204);
        assert_eq!(preflight.headers()["access-control-allow-headers"], "x-a");
    }

    #[test]
    fn the_public_has_no_credentials() {
        let answer = answer(&Cors::public(), Method::GET, "https://anyone.example");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
    }
}
