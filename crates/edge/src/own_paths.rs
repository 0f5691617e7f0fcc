//! What the edge answers by itself: health and metrics.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response};
use layers::{Health, Metrics, Observe, Policy};

/// The edge's own paths on one listener.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    pub(crate) health: Health,
    /// The path of the metrics, where they are answered on this listener.
    pub(crate) metrics: Option<(String, Metrics)>,
    pub(crate) observe: Observe,
}

impl Policy for Own {
    type State = ();

    fn request<B>(&self, request: &mut Request<B>) -> Result<(), Box<Response<Bytes>>> {
        if let Some(answer) = self.health.answer(request) {
            return Err(Box::new(answer));
        }
        if let Some((path, metrics)) = &self.metrics
            && path == request.uri().path()
            && request.method() == Method::GET
        {
            let mut answer = Response::new(Bytes::from(metrics.text(self.observe.in_flight())));
            let kind = HeaderValue::from_static(Metrics::MEDIA_TYPE);
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            return Err(Box::new(answer));
        }
        Ok(())
    }

    fn response<B>(&self, (): (), _: &mut Response<B>) {}
}
