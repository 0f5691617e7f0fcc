//! The declared document of the interface: a file beside the manifest, or what the service answers at
//! a path; JSON or YAML, OpenAPI or Swagger.

use client::Request;
use lab::Bench;
use serde_json::Value;

use crate::surface::Visitor;

/// The document, where one is declared.
///
/// # Errors
/// Why it cannot be read, in words.
pub(super) async fn read(bench: &Bench, visitor: &Visitor<'_>) -> Result<Option<Value>, String> {
    let Some(place) = bench.manifest().controls.input_validation.openapi.as_ref() else {
        return Ok(None);
    };
    let wrong = |why: String| format!("the declared document {place} cannot be read: {why}");
    let text = if place.starts_with('/') {
        let exchange = visitor.ask("document", &Request::get(place)).await;
        match exchange.response.filter(|response| response.status == 200) {
            Some(response) => response.body,
            None => return Err(wrong("the service does not answer it with 200".to_owned())),
        }
    } else {
        std::fs::read(bench.root().join(place)).map_err(|error| wrong(error.to_string()))?
    };
    parse(&text).map(Some).map_err(wrong)
}

fn parse(text: &[u8]) -> Result<Value, String> {
    let document: Value = match serde_json::from_slice(text) {
        Ok(document) => document,
        Err(_) => {
            let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
            serde_saphyr::from_str(text).map_err(|error| {
                error.to_string().lines().next().unwrap_or("no JSON and no YAML").to_owned()
            })?
        }
    };
    if document["paths"].is_object() {
        return Ok(document);
    }
    Err("expected an OpenAPI or Swagger document with paths, found none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_yaml_are_read_and_other_things_are_told() {
        assert!(parse(br#"{"openapi":"3.1.0","paths":{}}"#).is_ok());
        let yaml = "openapi: 3.0.3\npaths:\n  /a:\n    get: {}\n";
        assert!(parse(yaml.as_bytes()).is_ok_and(|document| document["paths"]["/a"].is_object()));
        for other in ["<html>", "a: [1", "[]", "paths: 1"] {
            assert!(parse(other.as_bytes()).is_err(), "{other}");
        }
    }
}
