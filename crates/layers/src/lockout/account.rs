//! Whose account a log-in is about, by what is sent.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Where the name of an account stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountPlace {
    /// A member of a JSON body or a field of a form, with points for what lies within (`user.email`).
    Body(String),
    Header(HeaderName),
}

impl AccountPlace {
    /// All names that are there: which of two counts differs from service to service, so that both do.
    pub(super) fn find(&self, headers: &HeaderMap, body: &[u8]) -> Vec<String> {
        let all: Vec<Cow<'_, str>> = match self {
            Self::Header(name) => headers
                .get_all(name)
                .iter()
                .map(|v| String::from_utf8_lossy(v.as_bytes()))
                .collect(),
            Self::Body(path) => {
                let json = body.trim_ascii_start().first() == Some(&b'{');
                let all = if json { members(body, path) } else { fields(body, path) };
                all.into_iter().map(Cow::Owned).collect()
            }
        };
        // As most services compare them.
        let mut all: Vec<String> = all.iter().map(|name| name.trim().to_lowercase()).collect();
        all.retain(|name| !name.is_empty());
        all.sort();
        all.dedup();
        all
    }
}

fn fields(body: &[u8], name: &str) -> Vec<String> {
    let decode = |part: &[u8]| {
        let spaces: Vec<u8> = part.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        percent_decode(&spaces).decode_utf8_lossy().into_owned()
    };
    let pairs = body.split(|byte| *byte == b'&');
    let pairs = pairs.filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        Some((decode(&pair[..at]), decode(&pair[at + 1..])))
    });
    // Rails and PHP write `user[email]`.
    let bare = |own: &str| own.replace('[', ".").replace(']', "");
    pairs.filter(|(own, _)| own == name || bare(own) == name).map(|(_, value)| value).collect()
}

fn members(body: &[u8], path: &str) -> Vec<String> {
    let names: Vec<&str> = path.split('.').collect();
    let mut found = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(body);
    // What is broken is the service's to refuse; what was found before counts.
    let _ = Within { names: &names, found: &mut found }.deserialize(&mut reader);
    found
}

/// Looks for a member, every time that it is there.
struct Within<'a> {
    names: &'a [&'a str],
    found: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(name) = map.next_key::<String>()? {
            match self.names.split_first() {
                Some((first, rest)) if *first == name => {
                    map.next_value_seed(Within { names: rest, found: self.found })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut all: S) -> Result<(), S::Error> {
        while all.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if self.names.is_empty() {
            self.found.push(text.to_owned());
        }
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        if self.names.is_empty() {
            self.found.push(number.to_string());
        }
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        if self.names.is_empty() {
            self.found.push(number.to_string());
        }
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_sent() {
        let find = |path: &str, body: &str| {
            AccountPlace::Body(path.to_owned()).find(&HeaderMap::new(), body.as_bytes())
        };
        assert_eq!(
            find("email", r#"{"password":"x","email":" Ann@a.example "}"#),
            ["ann@a.example"]
        );
        assert_eq!(find("email", "password=x&email=ann%40a.example"), ["ann@a.example"]);
        assert_eq!(find("user.email", r#" {"user":{"id":1,"email":"ann"}}"#), ["ann"]);
        assert_eq!(find("user.email", "user%5Bemail%5D=ann+b"), ["ann b"]);
        assert_eq!(find("id", r#"{"id":7}"#), ["7"]);
        assert_eq!(
            find("email", r#"{"email":"ann","email":"bob"}"#),
            ["ann", "bob"],
            "either may count"
        );
        assert_eq!(find("email", r#"{"email":"ann","broken"#), ["ann"]);
        for none in ["", "{}", r#"{"email":{"a":1}}"#, r#"{"other":"ann"}"#, "x"] {
            assert!(find("email", none).is_empty(), "{none}");
        }
        let name = HeaderName::from_static("x-user");
        let headers: HeaderMap =
            [(name.clone(), "Ann".parse().expect("text"))].into_iter().collect();
        assert_eq!(AccountPlace::Header(name).find(&headers, b""), ["ann"]);
    }
}
