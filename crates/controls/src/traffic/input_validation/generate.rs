//! Requests that differ from a good one in one property: hostile, or merely odd.

use client::Request;
use serde_json::Value;

use super::{credentials, forms};

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

/// At most so many variants. Each base gets its share, taken evenly from what it has; what one does
/// not need, others get.
pub(super) fn variants(bases: &[Request], most: usize) -> Vec<Variant> {
    let mut all: Vec<Vec<Variant>> = bases.iter().map(of_one).collect();
    let whole: usize = all.iter().map(Vec::len).sum();
    if whole <= most || most == 0 {
        return all.concat();
    }
    all.sort_by_key(Vec::len);
    let (mut left, mut chosen) = (most, Vec::new());
    for (at, own) in all.iter().enumerate() {
        let share = (left / (all.len() - at)).max(1).min(own.len());
        left = left.saturating_sub(share);
        chosen.extend(of_each_field(own, share));
    }
    chosen
}

/// So many of these, each field with its share: its first value, which tells most, and then evenly.
fn of_each_field(own: &[Variant], most: usize) -> Vec<Variant> {
    let mut fields: Vec<&[Variant]> = own.chunk_by(|a, b| a.field == b.field).collect();
    fields.sort_by_key(|field| field.len());
    let (mut left, mut chosen) = (most, Vec::new());
    for (at, field) in fields.iter().enumerate() {
        let share = (left / (fields.len() - at)).max(1).min(field.len()).min(left);
        left -= share;
        chosen.extend((0..share).map(|n| field[n * field.len() / share].clone()));
    }
    chosen
}

/// The same oddity in a request of somebody else: what is unique in the first may be used up.
pub(super) fn again(variant: &Variant, fresh: &Request) -> Option<Request> {
    if variant.request.target != variant.base.target {
        return Some(Request { target: variant.request.target.clone(), ..fresh.clone() });
    }
    if let Some(request) = credentials::again(variant, fresh) {
        return Some(request);
    }
    if forms::is_form(&variant.base) {
        return forms::again(variant, fresh);
    }
    let body = serde_json::from_slice::<Value>(&fresh.body).ok();
    let text = match (&variant.value, variant.field.strip_prefix("no ")) {
        (Some(value), _) => with_member(&body?, &variant.field, value)?.into_bytes(),
        (None, Some(pointer)) => without_member(&body?, pointer)?.into_bytes(),
        (None, None) => variant.request.body.clone(),
    };
    Some(fresh.clone().body(text))
}

fn of_one(base: &Request) -> Vec<Variant> {
    let mut all = in_url(base);
    if forms::is_form(base) {
        all.extend(forms::variants(base));
    } else if let Ok(body) = serde_json::from_slice::<Value>(&base.body) {
        all.extend(in_body(base, &body));
    }
    all
}

pub(super) fn variant(base: &Request, request: Request, field: &str) -> Variant {
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

/// The pointers to everything within a value: an object or a list may be replaced as a whole, too.
pub(super) fn members(value: &Value) -> Vec<String> {
    let below = |key: String, value: &Value| -> Vec<String> {
        let key = key.replace('~', "~0").replace('/', "~1");
        let whole = vec![format!("/{key}")];
        match value {
            Value::Object(_) | Value::Array(_) => [whole, prefixed(&key, value)].concat(),
            _ => whole,
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
        assert_eq!(members(&body), ["/a", "/b", "/b/c"]);
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
    fn each_request_gets_its_share() {
        let large = Request::new("POST", "/a").body(r#"{"a":1,"b":2,"c":3,"d":4}"#);
        let small = Request::get("/b");
        let few = variants(&[large, small], 40);
        assert_eq!(few.len(), 40);
        let of = |path: &str| few.iter().filter(|v| v.base.target == path).count();
        assert_eq!((of("/b"), of("/a")), (4, 36));
    }

    #[test]
    fn every_field_gets_its_first_value_however_few_there_are() {
        let fields = (0..20).map(|n| format!("f{n}=x")).collect::<Vec<_>>().join("&");
        let form = Request::new("POST", "/edit")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(fields);
        let few = variants(&[form], 30);
        assert_eq!(few.len(), 30);
        for n in 0..20 {
            let field = format!("field f{n}");
            let first = few.iter().find(|variant| variant.field == field).expect("it has one");
            assert_eq!(first.value.as_deref(), Some("=99999999999999"));
        }
    }

    #[test]
    fn the_same_oddity_is_put_into_a_fresh_request() {
        let base = Request::new("POST", "/a?x=1").body(r#"{"a":1,"mail":"one"}"#);
        let fresh = Request::new("POST", "/a?x=1").body(r#"{"a":1,"mail":"two"}"#);
        for variant in of_one(&base) {
            let again = again(&variant, &fresh).expect("it can be");
            let differs = again.body != fresh.body || again.target != fresh.target;
            assert!(differs || variant.request.body == base.body, "{variant:?}");
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
