//! A route behind a flag: while the flag is off for a caller, the route refuses and nothing else
//! does. A kill switch is a flag that is on by default.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};

use crate::caller::key;
use crate::flags::Flags;
use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::route_pattern::{AskedFor, RoutePattern};

/// One route behind a flag.
#[derive(Debug, Clone)]
pub struct Gate {
    pub flag: String,
    pub route: RoutePattern,
    pub status: StatusCode,
    /// The code of the refusal.
    pub code: String,
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
        let asked = AskedFor::of(request);
        let closed = self.gates.iter().find(|gate| {
            gate.route.matches(&asked)
                && self.flags.evaluate(&gate.flag, &key(request)).is_some_and(|flag| !flag.on)
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

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method};

    use super::*;
    use crate::flags::Setting;

    #[test]
    fn only_its_own_route_is_closed() {
        let flags = Flags::new([("quotes".to_owned(), Setting::plain(false))]);
        let gate = Gate {
            flag: "quotes".to_owned(),
            route: RoutePattern { method: Some(Method::GET), path: "/quotes/{id}".to_owned() },
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
