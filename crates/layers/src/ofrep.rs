//! Flags for the service itself and its clients: the OpenFeature Remote Evaluation Protocol, 0.2.
//! It answers what is asked; where it listens is a question of who may know the flags.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::flags::Flags;

/// Answers evaluations.
#[derive(Debug, Clone)]
pub struct Ofrep(pub Flags);

const PREFIX: &str = "/ofrep/v1/evaluate/flags";

impl Ofrep {
    /// The answer to a request whose body has been read.
    pub fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let Some(rest) = request.uri().path().strip_prefix(PREFIX) else {
            return answer(StatusCode::NOT_FOUND, &json!({ "errorDetails": "no such path" }));
        };
        if request.method() != Method::POST {
            let body = json!({ "errorDetails": "expected POST" });
            return answer(StatusCode::METHOD_NOT_ALLOWED, &body);
        }
        let context: Value = if request.body().is_empty() {
            json!({})
        } else {
            match serde_json::from_slice(request.body()) {
                Ok(Value::Object(body)) => Value::Object(body),
                _ => {
                    let body = json!({ "errorCode": "PARSE_ERROR", "errorDetails": "expected a JSON object" });
                    return answer(StatusCode::BAD_REQUEST, &body);
                }
            }
        };
        let key = context["context"]["targetingKey"].as_str().unwrap_or_default();
        match rest.trim_matches('/') {
            "" => self.all(key, request.headers().get(IF_NONE_MATCH)),
            name => self.one(name, key),
        }
    }

    fn one(&self, name: &str, key: &str) -> Response<Bytes> {
        match self.evaluated(name, key) {
            Some(body) => answer(StatusCode::OK, &body),
            None => {
                let body = json!({
                    "key": name, "errorCode": "FLAG_NOT_FOUND", "errorDetails": "no such flag"
                });
                answer(StatusCode::NOT_FOUND, &body)
            }
        }
    }

    fn all(&self, key: &str, known: Option<&HeaderValue>) -> Response<Bytes> {
        let flags = self.0.all();
        let evaluated: Vec<_> = flags.keys().filter_map(|name| self.evaluated(name, key)).collect();
        let body = json!({ "flags": evaluated });
        let tag = HeaderValue::from_str(&format!("\"{}\"", self.0.version()));
        let tag = tag.unwrap_or(HeaderValue::from_static("\"\""));
        let mut answer = if known == Some(&tag) {
            answer(StatusCode::NOT_MODIFIED, &Value::Null)
        } else {
            answer(StatusCode::OK, &body)
        };
        answer.headers_mut().insert(ETAG, tag);
        answer
    }

    fn evaluated(&self, name: &str, key: &str) -> Option<Value> {
        let evaluation = self.0.evaluate(name, key)?;
        let variant = if evaluation.on { "on" } else { "off" };
        Some(json!({
            "key": name, "value": evaluation.on, "reason": evaluation.reason, "variant": variant
        }))
    }
}

fn answer(status: StatusCode, body: &Value) -> Response<Bytes> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut answer = Response::new(Bytes::from(text));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags::Setting;

    fn post(path: &str, body: &'static str) -> (u16, Value) {
        let flags = Flags::new([("a".to_owned(), Setting::plain(true))]);
        let request = Request::post(path).body(Bytes::from_static(body.as_bytes()));
        let answer = Ofrep(flags).answer(&request.expect("it is sound"));
        let body = serde_json::from_slice(answer.body()).expect("it is JSON");
        (answer.status().as_u16(), body)
    }

    #[test]
    fn evaluations_follow_the_protocol() {
        let (status, body) =
            post("/ofrep/v1/evaluate/flags/a", r#"{"context":{"targetingKey":"k"}}"#);
        assert_eq!(
            (status, &body["value"], &body["reason"]),
            (200, &true.into(), &"STATIC".into())
        );
        let (status, body) = post("/ofrep/v1/evaluate/flags/b", "{}");
        assert_eq!((status, &body["errorCode"]), (404, &"FLAG_NOT_FOUND".into()));
        assert_eq!(post("/ofrep/v1/evaluate/flags/a", "[").0, 400);
        assert_eq!(post("/ofrep/v1/evaluate/flags", "").1["flags"][0]["key"], "a");
    }
}
