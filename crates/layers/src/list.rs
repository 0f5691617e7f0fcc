//! Lists in header fields (RFC 9110, 5.6.1): of all lines, as bytes. One byte that is not ASCII must
//! not hide the rest from whoever decides by it.

use http::{HeaderMap, HeaderName};

/// The members of a list, without the space around them; empty ones are none.
pub fn members<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).into_iter();
    let all = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    all.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// Whether a list has this member, in whatever case.
pub fn has(headers: &HeaderMap, name: &HeaderName, member: &str) -> bool {
    members(headers, name).any(|one| one.eq_ignore_ascii_case(member.as_bytes()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::VARY;

    use super::*;

    #[test]
    fn every_line_counts_and_odd_bytes_hide_nothing() {
        let mut headers = HeaderMap::new();
        headers.append(VARY, HeaderValue::from_static("accept,, "));
        headers.append(VARY, HeaderValue::from_bytes(b"\xff, Origin").expect("it is allowed"));
        let all: Vec<_> = members(&headers, &VARY).collect();
        assert_eq!(all, [&b"accept"[..], b"\xff", b"Origin"]);
        assert!(has(&headers, &VARY, "origin") && !has(&headers, &VARY, "orig"));
    }
}
