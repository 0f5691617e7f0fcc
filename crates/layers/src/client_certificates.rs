//! Routes for those only who show a certificate (mutual TLS), and what the service is told of it:
//! `Client-Cert` (RFC 9440), which nobody else can send.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};

use crate::policy::Policy;
use crate::refusal::Refusal;
use crate::route_pattern::{AskedFor, RoutePattern};

const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");

/// What is asked of clients on one connection.
#[derive(Debug, Clone)]
pub struct ClientCertificates {
    /// Only for those with a certificate.
    pub routes: Arc<Vec<RoutePattern>>,
    /// The certificate of this connection's client, as the header has it (`:BASE64:`), verified by
    /// whoever speaks TLS.
    pub certificate: Option<HeaderValue>,
}

impl Policy for ClientCertificates {
    type State = ();

    fn request<B>(&self, request: &mut Request<B>) -> Result<(), Box<Response<Bytes>>> {
        let forged = |name: &&HeaderName| {
            matches!(name.as_str().replace('_', "-").as_str(), "client-cert" | "client-cert-chain")
        };
        while let Some(name) = request.headers().keys().find(forged).cloned() {
            request.headers_mut().remove(name);
        }
        if let Some(certificate) = &self.certificate {
            request.headers_mut().insert(CLIENT_CERT, certificate.clone());
            return Ok(());
        }
        let asked = AskedFor::of(request);
        if self.routes.iter().any(|route| route.matches(&asked)) {
            let message = "expected a client certificate, found none";
            let status = StatusCode::FORBIDDEN;
            return Refusal::new(status, "client_certificate_required", message).refuse();
        }
        Ok(())
    }

    fn response<B>(&self, (): (), _: &mut Response<B>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(certificate: Option<&'static str>, target: &str) -> Result<Request<()>, u16> {
        let route = RoutePattern { method: None, path: "/internal".to_owned() };
        let certificate = certificate.map(HeaderValue::from_static);
        let policy = ClientCertificates { routes: Arc::new(vec![route]), certificate };
        let request = Request::get(target).header("client-cert", "forged");
        let mut request = request.header("client_cert_chain", "forged").body(()).expect("sound");
        match policy.request(&mut request) {
            Ok(()) => Ok(request),
            Err(answer) => Err(answer.status().as_u16()),
        }
    }

    #[test]
    fn a_route_is_for_those_with_a_certificate_and_the_service_is_told() {
        let request = ask(Some(":YQ==:"), "/internal/a").expect("it passes");
        assert_eq!(request.headers()["client-cert"], ":YQ==:");
        assert_eq!(request.headers().len(), 1);
        assert!(ask(None, "/").expect("for everybody").headers().is_empty());
        for target in ["/internal", "/x/../internal", "/%69nternal/a", "//internal"] {
            assert_eq!(ask(None, target).err(), Some(403), "{target}");
        }
    }
}
