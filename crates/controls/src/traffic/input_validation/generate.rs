//! Requests that differ from a good one in one property: hostile, or merely odd.

use client::Request;
use serde_json::Value;

/// A request made odd in one place.
#[derive(Debug, Clone)]
pub(super) struct Variant {
    pub(super) base: Request,
    pub(super) request: Request,
    /// The place: a JSON pointer, the name of a parameter, or what was done to the whole.
    pub(super) field: String,
    /// The value that stands in that place, as JSON, where it is a member of a JSON body.
    pub(super) value: Option<String>,
}

/// Values as they stand in JSON. Some are beyond what parsers keep: huge numbers, half characters.
fn json_values() -> Vec<String> {
    let mut all: Vec<String> = [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "9223372036854775808",
        "1e308",
        "1e999",
        "[]",
        "{}",
        "[[[[]]]]",
        r#""""#,
        r#"" ""#,
        r#""0""#,
        r#""\u0000""#,
        r#""a\u0000b""#,
        r#""\ud800""#,
        r#""'""#,
        r#""\"; DROP TABLE x; --""#,
        r#""../../etc/passwd""#,
        r#""{{7*7}}""#,
        r#""%s%n%x""#,
        r#""2026-02-30""#,
        r#""😀""#,
        r#""\u202eabc""#,
        r#""\r\nX: y""#,
    ]
    .map(str::to_owned)
    .to_vec();
    all.push(format!("\"{}\"", "a".repeat(20_000)));
    all
}

/// Values as they stand in a path or a query.
const URL_VALUES: [&str; 14] = [
    "",
    "-1",
    "0",
    "99999999999999999999",
    "1.5",
    "abc",
    "%00",
    "%ff",
    "%zz",
    "'",
    "%F0%9F%98%80",
    "..%2f..%2fetc%2fpasswd",
    "%27%20OR%201=1--",
    "null",
];

/// What takes the place of a whole body.
const BODIES: [&[u8]; 9] =
    [b"", b"null", b"[]", b"{}", b"0", b"\"a\"", b"{", b"{\"a\":\"\xff\xfe\"}", b"\x00\x01\x02"];

/// At most so many variants, taken evenly from all that there are.
pub(super) fn variants(bases: &[Request], most: usize) -> Vec<Variant> {
    let all: Vec<Variant> = bases.iter().flat_map(of_one).collect();
    if all.len() <= most || most == 0 {
        return all;
    }
    let step = all.len() as f64 / most as f64;
    (0..most).map(|n| all[(n as f64 * step) as usize].clone()).collect()
}

fn of_one(base: &Request) -> Vec<Variant> {
    let mut all = in_url(base);
    if let Ok(body) = serde_json::from_slice::<Value>(&base.body) {
        all.extend(in_body(base, &body));
    }
    all
}

fn variant(base: &Request, request: Request, field: &str) -> Variant {
    Variant { base: base.clone(), request, field: field.to_owned(), value: None }
}

fn in_body(base: &Request, body: &Value) -> Vec<Variant> {
    let mut all: Vec<Variant> = BODIES
        .iter()
        .map(|text| variant(base, base.clone().body(*text), "the whole body"))
        .collect();
    for pointer in members(body) {
        for value in json_values() {
            if let Some(text) = with_member(body, &pointer, &value) {
                let request = base.clone().body(text);
                let value = Some(value);
                all.push(Variant { value, ..variant(base, request, &pointer) });
            }
        }
        if let Some(text) = without_member(body, &pointer) {
            all.push(variant(base, base.clone().body(text), &format!("no {pointer}")));
        }
    }
    all
}

/// The pointers to everything within a value that is no container itself.
pub(super) fn members(value: &Value) -> Vec<String> {
    let below = |key: String, value: &Value| -> Vec<String> {
        let key = key.replace('~', "~0").replace('/', "~1");
        match value {
            Value::Object(map) if !map.is_empty() => prefixed(&key, value),
            Value::Array(items) if !items.is_empty() => prefixed(&key, value),
            _ => vec![format!("/{key}")],
        }
    };
    match value {
        Value::Object(map) => {
            map.iter().flat_map(|(key, value)| below(key.clone(), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(at, value)| below(at.to_string(), value)).collect()
        }
        _ => Vec::new(),
    }
}

fn prefixed(key: &str, value: &Value) -> Vec<String> {
    members(value).into_iter().map(|rest| format!("/{key}{rest}")).collect()
}

/// The body as text with raw JSON in one place.
pub(super) fn with_member(body: &Value, pointer: &str, raw: &str) -> Option<String> {
    const PLACE: &str = "seaworthy-puts-a-value-here";
    let mut body = body.clone();
    *body.pointer_mut(pointer)? = Value::String(PLACE.to_owned());
    Some(body.to_string().replacen(&format!("\"{PLACE}\""), raw, 1))
}

/// The body as text without one member.
pub(super) fn without_member(body: &Value, pointer: &str) -> Option<String> {
    let (parent, key) = pointer.rsplit_once('/')?;
    let mut body = body.clone();
    let map = body.pointer_mut(parent)?.as_object_mut()?;
    map.remove(&key.replace("~1", "/").replace("~0", "~"))?;
    Some(body.to_string())
}

fn in_url(base: &Request) -> Vec<Variant> {
    let (path, query) = base.target.split_once('?').unwrap_or((&base.target, ""));
    let at = |target: String| Request { target, ..base.clone() };
    let mut all = Vec::new();
    let segments: Vec<&str> = path.split('/').collect();
    for (place, segment) in
        segments.iter().enumerate().filter(|(_, segment)| looks_like_an_id(segment))
    {
        for value in URL_VALUES.iter().filter(|value| !value.is_empty()) {
            let mut changed = segments.clone();
            changed[place] = value;
            let query = if query.is_empty() { String::new() } else { format!("?{query}") };
            let request = at(format!("{}{query}", changed.join("/")));
            all.push(variant(base, request, &format!("path {segment}")));
        }
    }
    let pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    for (place, pair) in pairs.iter().enumerate() {
        let name = pair.split('=').next().unwrap_or(pair);
        for value in URL_VALUES {
            let changed = format!("{name}={value}");
            let mut pairs = pairs.clone();
            pairs[place] = &changed;
            all.push(variant(base, at(format!("{path}?{}", pairs.join("&"))), name));
        }
        let doubled = format!("{query}&{pair}&{name}[]=1&{name}[$ne]=1");
        all.push(variant(base, at(format!("{path}?{doubled}")), name));
    }
    let odd = ["?%", "?a[$ne]=1&a=2", "?=&=&&", "?%00=%00"];
    all.extend(odd.map(|odd| variant(base, at(format!("{path}{odd}")), "the query")));
    all
}

/// Numbers, UUIDs and long words: what an identifier looks like.
fn looks_like_an_id(segment: &str) -> bool {
    let digits = segment.chars().filter(char::is_ascii_digit).count();
    !segment.is_empty()
        && (digits == segment.len() || segment.len() >= 8 && digits > 0 && !segment.contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_differs_in_one_place() {
        let body: Value = serde_json::from_str(r#"{"a":1,"b":{"c":"x"}}"#).expect("literal");
        assert_eq!(members(&body), ["/a", "/b/c"]);
        assert_eq!(
            with_member(&body, "/b/c", "1e999").as_deref(),
            Some(r#"{"a":1,"b":{"c":1e999}}"#)
        );
        assert_eq!(without_member(&body, "/b/c").as_deref(), Some(r#"{"a":1,"b":{}}"#));
    }

    #[test]
    fn identifiers_in_paths_are_found() {
        for (segment, is) in [("17", true), ("items", false), ("0198f7a1-aa", true), ("v1", false)]
        {
            assert_eq!(looks_like_an_id(segment), is, "{segment}");
        }
    }

    #[test]
    fn a_budget_is_spread_evenly() {
        let base = Request::new("POST", "/a").body(r#"{"a":1,"b":2}"#);
        let few = variants(std::slice::from_ref(&base), 10);
        assert_eq!(few.len(), 10);
        assert!(
            few.iter().any(|v| v.field == "/b"),
            "{:?}",
            few.iter().map(|v| &v.field).collect::<Vec<_>>()
        );
    }
}
