//! Finds secrets in everything that is written down, in the forms in which they travel, and puts
//! their names in their place.

mod cards;
mod names;
mod personal;

use std::sync::{Arc, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

pub use personal::{Scrubber, Style};

/// Whether what bears this name is secret: a header, a field, a variable.
pub fn is_secret_name(name: &str) -> bool {
    names::is_secret(name)
}

/// Values shorter than this are not masked: they would be found everywhere.
pub const SHORTEST: usize = 4;

/// Knows the secrets of a run. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    secrets: Vec<(String, String)>,
    labels: Vec<String>,
    finder: Option<AhoCorasick>,
}

/// What stands in the place of a secret.
pub fn mask_of(label: &str) -> String {
    format!("‹{label}›")
}

impl Redactor {
    /// Learns a secret by the name that will stand in its place.
    pub fn learn(&self, label: &str, value: &str) {
        if value.len() < SHORTEST {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.secrets.iter().any(|(l, v)| l == label && v == value) {
            return;
        }
        known.secrets.push((label.to_owned(), value.to_owned()));
        let (mut found, mut written) = (Vec::new(), Vec::new());
        for (label, value) in &known.secrets {
            for form in forms(value) {
                found.push(form);
                written.push(mask_of(label));
            }
        }
        // What stands in a secret's place stays, even when it holds another secret's value.
        let masks: Vec<_> = known.secrets.iter().map(|(label, _)| mask_of(label)).collect();
        found.extend_from_slice(&masks);
        written.extend(masks);
        known.finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .ascii_case_insensitive(true)
            .build(&found)
            .ok();
        known.labels = written;
    }

    /// Learns a secret unless its value is known, by whatever name.
    pub fn learn_unless_known(&self, label: &str, value: &str) {
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let is_known = known.secrets.iter().any(|(_, other)| other == value);
        drop(known);
        if !is_known {
            self.learn(label, value);
        }
    }

    /// How many secrets are known: what was masked with fewer may hold one.
    pub fn known(&self) -> usize {
        self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner).secrets.len()
    }

    /// The text with the name of each secret in its place.
    pub fn mask(&self, text: &str) -> String {
        let known = self.known.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &known.finder {
            Some(finder) => finder.replace_all(text, &known.labels),
            None => text.to_owned(),
        }
    }

    /// Masks every text within a JSON value.
    pub fn mask_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.mask(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
            Value::Object(map) => map.values_mut().for_each(|item| self.mask_json(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The forms in which a value travels: as it is, escaped for JSON and for URLs, in hexadecimal,
/// and within base64 at any of its three alignments.
pub fn forms(value: &str) -> Vec<String> {
    let json = Value::from(value).to_string();
    let url = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let hex = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut all = vec![
        value.to_owned(),
        json[1..json.len() - 1].to_owned(),
        url.replace("%20", "+"),
        url,
        hex,
    ];
    if value.len() >= 6 {
        for shift in 0..3 {
            all.extend(within_base64(value.as_bytes(), shift));
        }
    }
    all.sort();
    all.dedup();
    all
}

/// The part of a value's base64 that does not depend on its neighbours, when it begins `shift`
/// bytes into a group of three.
fn within_base64(value: &[u8], shift: usize) -> [String; 2] {
    let mut padded = vec![0; shift];
    padded.extend_from_slice(value);
    let whole = padded.len() / 3 * 3;
    let first = [0, 2, 3][shift];
    let cut = |text: String| text[first..].to_owned();
    [cut(STANDARD_NO_PAD.encode(&padded[..whole])), cut(URL_SAFE_NO_PAD.encode(&padded[..whole]))]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "p@ss/w\"rd+9Xq";

    fn redactor() -> Redactor {
        let redactor = Redactor::default();
        redactor.learn("KEY", SECRET);
        redactor
    }

    #[test]
    fn every_form_is_masked() {
        let redactor = redactor();
        for before in ["", "a", "ab", "abc"] {
            let base64 = STANDARD_NO_PAD.encode(format!("{before}{SECRET}tail"));
            assert!(redactor.mask(&base64).contains("‹KEY›"), "{before}");
        }
        let json = serde_json::to_string(&serde_json::json!({ "k": SECRET })).expect("it is JSON");
        assert_eq!(redactor.mask(&json), "{\"k\":\"‹KEY›\"}");
        let url = utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string();
        assert_eq!(redactor.mask(&url.to_lowercase()), "‹KEY›");
        assert_eq!(redactor.mask(&format!("x{SECRET}x{SECRET}")), "x‹KEY›x‹KEY›");
    }

    #[test]
    fn other_text_stays() {
        assert_eq!(redactor().mask("nothing to see"), "nothing to see");
        assert_eq!(Redactor::default().mask("abc"), "abc");
    }

    #[test]
    fn a_longer_secret_wins_over_one_within_it() {
        let redactor = redactor();
        redactor.learn("URL", &format!("pg://u:{SECRET}@h"));
        assert_eq!(redactor.mask(&format!("to pg://u:{SECRET}@h now")), "to ‹URL› now");
    }

    #[test]
    fn twice_is_the_same_as_once() {
        let redactor = Redactor::default();
        redactor.learn("JWT_SECRET", "secret");
        redactor.learn("KEY", "ends with \"");
        let once = redactor.mask("a secret");
        assert_eq!((once.as_str(), redactor.mask(&once)), ("a ‹JWT_SECRET›", once.clone()));
        assert_eq!(redactor.mask(r#"{"k":"ends with \""}"#), r#"{"k":"‹KEY›"}"#);
    }

    #[test]
    fn json_is_masked_throughout() {
        let mut value = serde_json::json!({ "a": [SECRET, 1], "b": { "c": SECRET } });
        redactor().mask_json(&mut value);
        assert_eq!(value, serde_json::json!({ "a": ["‹KEY›", 1], "b": { "c": "‹KEY›" } }));
    }
}
