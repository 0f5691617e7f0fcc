//! What a layer answers when it does not let a request through: `application/problem+json`
//! (RFC 9457), which the error envelope turns into the declared shape.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};

/// The extension of an answer whose shape was declared, and which the error envelope therefore
/// leaves as it is: a health report that says "degraded".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept;

/// A refusal: which status, a code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// A stable word in `snake_case`.
    pub code: Cow<'static, str>,
    pub message: Cow<'static, str>,
    /// When it is worth trying again, in seconds.
    pub retry_after: Option<u32>,
    /// The rule that refused, for the log and the metrics, where the code does not say which.
    pub rule: Option<Cow<'static, str>>,
}

impl Refusal {
    pub fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, code: code.into(), message: message.into(), retry_after: None, rule: None }
    }

    /// Names the rule.
    #[must_use]
    pub fn rule(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.rule = Some(name.into());
        self
    }

    /// Says when it is worth trying again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The code that stands for a status where nobody gave a better one.
    pub fn code_of(status: StatusCode) -> String {
        let reason = status.canonical_reason().unwrap_or("error").to_ascii_lowercase();
        let words = reason.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        words.collect::<Vec<_>>().join("_")
    }

    /// Its body as problem details.
    pub fn problem(&self) -> Vec<u8> {
        Value::Object(self.problem_details()).to_string().into_bytes()
    }

    pub(crate) fn problem_details(&self) -> Map<String, Value> {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let members = [
            ("type", "about:blank".into()),
            ("title", title.into()),
            ("status", self.status.as_u16().into()),
            ("detail", self.message.as_ref().into()),
            ("code", self.code.as_ref().into()),
        ];
        members.map(|(name, value): (_, Value)| (name.to_owned(), value)).into_iter().collect()
    }

    /// The whole answer. It carries the refusal as an extension, for layers further out.
    pub fn answer(self) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::from(self.problem()));
        *answer.status_mut() = self.status;
        let kind = HeaderValue::from_static("application/problem+json");
        answer.headers_mut().insert(CONTENT_TYPE, kind);
        if let Some(seconds) = self.retry_after {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer.extensions_mut().insert(self);
        answer
    }

    /// The whole answer, boxed, as a [`crate::Policy`] gives it.
    ///
    /// # Errors
    /// Always: it is the error.
    pub fn refuse<T>(self) -> Result<T, Box<Response<Bytes>>> {
        Err(Box::new(self.answer()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_problem_details() {
        let refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "at most 1 MiB");
        let answer = refusal.retry_after(3).answer();
        assert_eq!(answer.status(), 413);
        assert_eq!(answer.headers()["retry-after"], "3");
        let body: serde_json::Value = serde_json::from_slice(answer.body()).expect("it is JSON");
        assert_eq!((&body["status"], &body["code"]), (&413.into(), &"too_large".into()));
    }

    #[test]
    fn every_status_has_a_code() {
        assert_eq!(Refusal::code_of(StatusCode::NOT_FOUND), "not_found");
        assert_eq!(Refusal::code_of(StatusCode::from_u16(599).expect("valid")), "error");
    }
}
