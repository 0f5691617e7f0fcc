//! The authority is asked as everybody else is.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::Request;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::fetch::Web;

#[derive(Debug)]
pub(super) struct Client(pub(super) Web);

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let web = self.0.clone();
        Box::pin(async move {
            let (parts, body) =
                web.send(request).await.map_err(|why| Error::Other(why.into()))?.into_parts();
            Ok(BytesResponse { parts, body: Box::new(body) })
        })
    }
}
