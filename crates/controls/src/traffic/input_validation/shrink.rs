//! Making a failing request smaller for as long as it fails.

use client::Request;
use serde_json::Value;

use super::generate::{Variant, with_member};

/// How many smaller requests are tried.
const TRIES: usize = 40;

/// The smallest request found that still fails.
pub(super) async fn shrink<F>(variant: &Variant, fails: impl Fn(Request) -> F) -> Request
where
    F: Future<Output = bool>,
{
    let (Some(value), Ok(mut body)) =
        (variant.value.clone(), serde_json::from_slice::<Value>(&variant.base.body))
    else {
        return variant.request.clone();
    };
    let pointer = &variant.field;
    let request = |body: &Value, value: &str| {
        with_member(body, pointer, value).map(|text| variant.base.clone().body(text))
    };
    let mut tries = 0;
    let mut smallest = variant.request.clone();
    // Members that do not matter go first.
    let keys: Vec<String> =
        body.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    for key in keys.iter().filter(|key| !pointer.starts_with(&format!("/{key}"))) {
        let mut less = body.clone();
        less.as_object_mut().map(|map| map.remove(key));
        let Some(candidate) = request(&less, &value) else { continue };
        tries += 1;
        if tries < TRIES && fails(candidate.clone()).await {
            (body, smallest) = (less, candidate);
        }
    }
    // Then a long text is halved.
    let mut value = value;
    while let Some(half) = halved(&value) {
        let Some(candidate) = request(&body, &half) else { break };
        tries += 1;
        if tries >= TRIES || !fails(candidate.clone()).await {
            break;
        }
        (value, smallest) = (half, candidate);
    }
    smallest
}

/// A plain text of half the length, as JSON.
fn halved(value: &str) -> Option<String> {
    let text = value.strip_prefix('"')?.strip_suffix('"')?;
    let plain = text.len() > 1 && text.is_ascii() && !text.contains('\\');
    plain.then(|| format!("\"{}\"", &text[..text.len() / 2]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_matter_goes() {
        let base = Request::new("POST", "/a").body(r#"{"a":1,"b":"x","c":true}"#);
        let long = format!("\"{}\"", "a".repeat(64));
        let body = serde_json::from_slice(&base.body).expect("literal");
        let text = with_member(&body, "/b", &long).expect("it is there");
        let variant = Variant {
            request: base.clone().body(text),
            base,
            field: "/b".into(),
            value: Some(long),
        };
        // It fails whenever b has ten letters or more, whatever else is there.
        let fails = |request: Request| async move {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            body["b"].as_str().is_some_and(|b| b.len() >= 10)
        };
        let smallest = shrink(&variant, fails).await;
        assert_eq!(smallest.body, br#"{"b":"aaaaaaaaaaaaaaaa"}"#);
    }
}
