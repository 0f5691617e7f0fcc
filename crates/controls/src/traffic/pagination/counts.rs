//! How many rows an answer holds, and how many it says there are.

use client::Response;
use serde_json::Value;

/// Members in which a list says how many rows there are in all.
const TOTALS: [&str; 7] =
    ["total", "count", "totalCount", "total_count", "totalItems", "totalElements", "totalHits"];

/// How many rows a list has: the longest array at the top or in one of the envelopes that are used
/// (`{"items": []}`, `{"data": {"items": []}}`, HAL, GraphQL).
pub(super) fn rows(body: &[u8]) -> Option<usize> {
    let body: Value = serde_json::from_slice(body).ok()?;
    longest_array(&body, 3)
}

fn longest_array(value: &Value, depth: usize) -> Option<usize> {
    match value {
        Value::Array(rows) => Some(rows.len()),
        Value::Object(map) if depth > 0 => {
            map.values().filter_map(|value| longest_array(value, depth - 1)).max()
        }
        _ => None,
    }
}

/// How many rows there are in all, as a page says beside its own: in a header (`X-Total-Count`,
/// `Content-Range: items 0-9/42`) or a member.
pub(super) fn total(response: &Response) -> Option<i64> {
    let counted = response.header("x-total-count").or_else(|| response.header("x-total"));
    let range = || response.header("content-range")?.rsplit_once('/').map(|(_, total)| total);
    if let Some(total) = counted.or_else(range).and_then(|text| text.trim().parse().ok()) {
        return Some(total);
    }
    member(&serde_json::from_slice(&response.body).ok()?, 3)
}

fn member(value: &Value, depth: usize) -> Option<i64> {
    let map = value.as_object().filter(|_| depth > 0)?;
    let own = TOTALS.iter().find_map(|name| map.get(*name)?.as_i64());
    own.or_else(|| map.values().find_map(|value| member(value, depth - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_where_they_are() {
        assert_eq!(rows(br#"{"items":[1,2],"total":2}"#), Some(2));
        assert_eq!(rows(b"[1]"), Some(1));
        assert_eq!(rows(br#"{"data":{"query":{"items":[1,2,3]}}}"#), Some(3));
        assert_eq!(rows(br#"{"id":1}"#), None);
    }

    #[test]
    fn a_page_says_how_many_there_are() {
        let answer = |headers: &[(&str, &str)], body: &str| {
            let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
            let headers = headers.collect();
            total(&Response { status: 200, headers, body: body.into(), closes: false })
        };
        assert_eq!(answer(&[("X-Total-Count", "42")], "[]"), Some(42));
        assert_eq!(answer(&[("Content-Range", "items 0-9/42")], "[]"), Some(42));
        assert_eq!(answer(&[], r#"{"page":{"totalElements":7},"items":[1]}"#), Some(7));
        assert_eq!(answer(&[], "[1,2]"), None);
    }
}
