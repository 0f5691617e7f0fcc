//! While a critical dependency is known to be away, a failing answer says "try again later" instead
//! of whatever the failure made of it.

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode};
use layers::{Board, Policy};

/// Tells failures of the service from those of what it depends on.
#[derive(Debug, Clone)]
pub(crate) struct Outage {
    pub(crate) board: Board,
}

impl Policy for Outage {
    type State = ();

    fn request<B>(&self, _: &mut Request<B>) -> Result<(), Box<Response<Bytes>>> {
        Ok(())
    }

    fn response<B>(&self, (): (), response: &mut Response<B>) {
        if response.status().is_server_error() && self.board.is_degraded() {
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response.extensions_mut().remove::<layers::Refusal>();
            let later = http::HeaderValue::from_static("5");
            response.headers_mut().entry(RETRY_AFTER).or_insert(later);
        }
    }
}
