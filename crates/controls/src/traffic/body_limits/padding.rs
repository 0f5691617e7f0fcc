//! A request that differs from a good one in its size alone.

use client::Request;

/// The body, at least so many bytes long.
///
/// Space in JSON changes nothing. It stands after the first bracket, because a parser may stop after
/// the last and never read on. A form gets one more field, before the others: who cuts a body and
/// takes what came misses those.
pub(super) fn padded(request: &Request, to: usize) -> Vec<u8> {
    let body = &request.body;
    let kind = request.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let kind = kind.map_or("", |(_, kind)| kind.as_str());
    if kind.starts_with("application/x-www-form-urlencoded") {
        return field(b"padding=", b"&", body, to);
    }
    if kind.starts_with("multipart/form-data") {
        let boundary = kind.split("boundary=").nth(1).unwrap_or_default();
        let boundary = boundary.split(';').next().unwrap_or_default().trim_matches('"');
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"padding\"\r\n\r\n");
        return field(head.as_bytes(), b"\r\n", body, to);
    }
    let mut padded = body.clone();
    let after = body.iter().position(|byte| matches!(byte, b'{' | b'[')).map_or(0, |at| at + 1);
    padded.resize(to.max(body.len()), b' ');
    padded[after..].rotate_right(to.saturating_sub(body.len()));
    padded
}

/// One more field, before the others.
fn field(before: &[u8], after: &[u8], body: &[u8], to: usize) -> Vec<u8> {
    let mut padded = before.to_vec();
    padded.resize(to.saturating_sub(after.len() + body.len()).max(before.len()), b'a');
    padded.extend_from_slice(after);
    padded.extend_from_slice(body);
    padded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_body_is_the_same_json_and_must_be_read_to_its_end() {
        for text in ["{\"a\": 1}", "[1]", "{}"] {
            let request = Request::new("POST", "/a").body(text);
            let long = padded(&request, 5000);
            assert_eq!(long.len(), 5000);
            let value = serde_json::from_slice::<serde_json::Value>(&long).expect("it is JSON");
            assert_eq!(value, serde_json::from_str::<serde_json::Value>(text).expect("JSON"));
            assert_ne!(long.last(), Some(&b' '));
        }
        let request = Request::new("POST", "/a").body("{\"a\": 1}");
        assert_eq!(padded(&request, 3), b"{\"a\": 1}");
    }

    #[test]
    fn the_fields_of_a_form_stand_behind_the_padding() {
        let form = |kind: &str, body: &str| {
            Request::new("POST", "/a").header("Content-Type", kind).body(body)
        };
        let urlencoded = form("application/x-www-form-urlencoded", "a=1");
        assert_eq!(padded(&urlencoded, 15), b"padding=aaa&a=1");
        let multipart = form("multipart/form-data; boundary=b", "--b\r\n…\r\n--b--\r\n");
        let long = padded(&multipart, 200);
        assert_eq!(long.len(), 200);
        assert!(
            long.starts_with(b"--b\r\nContent-Disposition: form-data; name=\"padding\"\r\n\r\naaa")
        );
        assert!(long.ends_with("a\r\n--b\r\n…\r\n--b--\r\n".as_bytes()));
    }
}
