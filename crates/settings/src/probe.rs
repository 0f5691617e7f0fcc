//! A health probe: which request, and which answer counts.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

use crate::duration::Span;

/// A health probe in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeTable {
    /// The path, with a query if need be.
    pub path: String,
    /// The name of the port that answers it, one of `service.ports`; the main one by default.
    #[serde(default)]
    pub port: Option<String>,
    /// The accepted status codes; 200 to 299 by default.
    #[serde(default)]
    pub status: Vec<u16>,
    /// A text that the body must contain.
    #[serde(default)]
    pub body: Option<String>,
    /// How long an answer may take.
    #[serde(default = "within")]
    pub within: Span,
    /// How long it may take until it notices a change.
    #[serde(default = "lag")]
    pub lag: Span,
    /// Headers that the request carries.
    #[serde(default)]
    pub headers: std::collections::BTreeMap<String, String>,
}

fn within() -> Span {
    Span::seconds(1)
}

fn lag() -> Span {
    Span::seconds(2)
}

/// A health probe, written as its path or as a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Probe(pub ProbeTable);

impl Probe {
    /// The probe of this path with every default.
    pub fn path(path: &str) -> Self {
        Self(ProbeTable {
            path: path.to_owned(),
            port: None,
            status: Vec::new(),
            body: None,
            within: within(),
            lag: lag(),
            headers: std::collections::BTreeMap::new(),
        })
    }

    /// Whether this answer counts.
    pub fn accepts(&self, status: u16, body: &[u8]) -> bool {
        let code = match self.0.status.as_slice() {
            [] => (200..300).contains(&status),
            codes => codes.contains(&status),
        };
        code && self.0.body.as_deref().is_none_or(|text| contains(body, text.as_bytes()))
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|window| window == needle)
}

impl<'de> Deserialize<'de> for Probe {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Probe;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a path such as \"/health\" or a table with a path")
            }

            fn visit_str<E: de::Error>(self, path: &str) -> Result<Probe, E> {
                Ok(Probe::path(path))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Probe, A::Error> {
                ProbeTable::deserialize(MapAccessDeserializer::new(map)).map(Probe)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Probe {
    fn schema_name() -> Cow<'static, str> {
        "Probe".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let table = generator.subschema_for::<ProbeTable>();
        json_schema!({
            "description": "A health probe: its path, or a table.",
            "anyOf": [{ "type": "string", "pattern": "^/", "format": "path" }, table],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_accepts_any_2xx_unless_told_otherwise() {
        let mut probe = Probe::path("/health");
        assert!(probe.accepts(204, b""));
        assert!(!probe.accepts(503, b""));
        probe.0.status = vec![200];
        probe.0.body = Some("\"ok\"".to_owned());
        assert!(probe.accepts(200, b"{\"status\":\"ok\"}"));
        assert!(!probe.accepts(200, b"{\"status\":\"starting\"}"));
        assert!(!probe.accepts(204, b"\"ok\""));
    }
}
