//! A request and everything that came back: what an HTTP surface is judged by.

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// A request as it was sent. The body is shortened.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Asked {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What the request is for, in the experiment's words.
    pub label: String,
    pub request: Asked,
    pub outcome: Outcome,
    pub headers: Vec<(String, String)>,
    /// The body as text, shortened to [`Answer::KEPT`] bytes.
    pub body: String,
    /// The body's whole length in bytes.
    pub bytes: u64,
    /// How long it took, in microseconds.
    #[serde(alias = "took")]
    pub took_us: u64,
    /// For a step of a journey: whether it was as the journey expects.
    #[serde(default)]
    pub as_expected: Option<bool>,
}

impl Answer {
    /// How many bytes of a body are kept.
    pub const KEPT: usize = 64 * 1024;

    pub fn status(&self) -> Option<u16> {
        self.outcome.status()
    }

    /// 2xx, or a redirect that its journey expects: the success of a form.
    pub fn is_success(&self) -> bool {
        let status = self.status().unwrap_or(0);
        (200..300).contains(&status)
            || (300..400).contains(&status) && self.as_expected == Some(true)
    }

    /// A page below 400 that is not what the step expects: a form that is shown again. An interface
    /// that answers 200 where 201 is expected has accepted all the same.
    pub fn is_refused_by_its_step(&self) -> bool {
        let below = self.status().is_some_and(|status| status < 400);
        self.as_expected == Some(false) && below && self.is_html()
    }

    pub fn is_error(&self) -> bool {
        self.status().is_some_and(|status| status >= 400)
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The media type without its parameters, in lower case; empty when there is none.
    pub fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    pub fn is_json(&self) -> bool {
        let kind = self.media_type();
        kind == "application/json" || kind.ends_with("+json")
    }

    pub fn is_html(&self) -> bool {
        self.media_type() == "text/html"
    }

    /// The body as JSON, where it is.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.body).ok()
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.request.target.split('?').next().unwrap_or_default()
    }

    /// `GET /items`, for findings.
    pub fn asked(&self) -> String {
        let mut target: String = self.request.target.chars().take(80).collect();
        if target.len() < self.request.target.len() {
            target.push('…');
        }
        format!("{} {target}", self.request.method)
    }
}
