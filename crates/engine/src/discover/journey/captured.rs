//! What answers gave: the values that stand behind `{{name}}` in later requests.

use std::collections::BTreeMap;

use client::Request;
use serde_json::Value;

/// Names by which services call what lets a client in.
const TOKENS: [&str; 7] =
    ["token", "accesstoken", "jwt", "idtoken", "authtoken", "bearertoken", "sessiontoken"];

/// The values that are known by now.
pub(super) struct Known(BTreeMap<String, String>);

impl Default for Known {
    /// A word of their own for somebody.
    fn default() -> Self {
        let word: String = std::iter::repeat_with(fastrand::lowercase).take(10).collect();
        Self([("unique".to_owned(), word)].into())
    }
}

impl Known {
    /// The request with what is known in its places.
    pub(super) fn filled(&self, request: &Request) -> Request {
        let fill = |text: &str| {
            self.0.iter().fold(text.to_owned(), |text, (name, value)| {
                text.replace(&format!("{{{{{name}}}}}"), value)
            })
        };
        Request {
            method: request.method.clone(),
            target: fill(&request.target),
            headers: request.headers.iter().map(|(n, v)| (n.clone(), fill(v))).collect(),
            body: fill(&String::from_utf8_lossy(&request.body)).into_bytes(),
        }
    }

    pub(super) fn has_all(&self, request: &Request) -> bool {
        names(request).iter().all(|name| self.0.contains_key(name))
    }

    /// Learns what later requests need and this answer gives: each name, with the query that gives
    /// it.
    pub(super) fn learn(&mut self, answer: &[u8], later: &[Request]) -> Vec<(String, String)> {
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return Vec::new() };
        let mut captures = Vec::new();
        for name in later.iter().flat_map(names) {
            if self.0.contains_key(&name) {
                continue;
            }
            if let Some((query, value)) = within(&answer, "$", &wanted(&name), 3) {
                self.0.insert(name.clone(), value);
                captures.push((name, query));
            }
        }
        captures
    }
}

/// The names in `{{…}}` of a request.
fn names(request: &Request) -> Vec<String> {
    let body = String::from_utf8_lossy(&request.body);
    let headers = request.headers.iter().map(|(_, value)| value.as_str());
    let texts = headers.chain([request.target.as_str(), &body]);
    let name = |part: &str| part.split_once("}}").map(|(name, _)| name.trim().to_owned());
    texts.flat_map(|text| text.split("{{").skip(1).filter_map(name).collect::<Vec<_>>()).collect()
}

/// How members are called that can stand for a name, compared without case, `_` and `-`.
fn wanted(name: &str) -> Vec<String> {
    let plain = plain(name);
    let mut all = vec![plain.clone()];
    if TOKENS.iter().any(|token| plain.ends_with(token)) {
        all.extend(TOKENS.map(str::to_owned));
    } else if plain.ends_with("id") {
        all.extend(["id", "uuid"].map(str::to_owned));
    }
    all
}

fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

/// The first member of one of these names that has a plain value, outer ones first.
fn within(value: &Value, path: &str, wanted: &[String], deep: u8) -> Option<(String, String)> {
    let members = value.as_object()?;
    let is_safe = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    for name in wanted {
        let found = members.iter().find(|(key, _)| plain(key) == *name && is_safe(key));
        let text = found.and_then(|(key, value)| match value {
            Value::String(text) if !text.is_empty() => Some((key, text.clone())),
            Value::Number(number) => Some((key, number.to_string())),
            _ => None,
        });
        if let Some((key, text)) = text {
            return Some((format!("{path}.{key}"), text));
        }
    }
    let inner = members.iter().filter(|(key, _)| deep > 0 && is_safe(key));
    inner
        .filter_map(|(key, value)| within(value, &format!("{path}.{key}"), wanted, deep - 1))
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_later_requests_need_is_captured_where_it_stands() {
        let mut known = Known::default();
        let later = [
            Request::new("GET", "/items/{{itemId}}").header("Authorization", "Bearer {{token}}"),
            Request::new("GET", "/other/{{nothing}}"),
        ];
        assert!(!known.has_all(&later[0]));
        let answer = br#"{"data": {"access_token": "abc", "user": {"id": 7}}, "id": 3}"#;
        let captures = known.learn(answer, &later);
        let told: Vec<_> = captures.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(told, [("token", "$.data.access_token"), ("itemId", "$.id")]);
        assert!(known.has_all(&later[0]) && !known.has_all(&later[1]));
        let filled = known.filled(&later[0]);
        assert_eq!(filled.target, "/items/3");
        assert_eq!(filled.headers[0].1, "Bearer abc");
    }
}
