//! Reading an answer from bytes as they arrive.

use crate::message::Response;

/// What a parse of the bytes so far makes of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More bytes are needed; the head, if it is there already, and how many bytes there must be
    /// before another look can tell more. To look at a long body with each piece of it would take
    /// longer than to send it.
    Partial(Option<Response>, usize),
    /// A whole answer that took this many bytes.
    Whole(Response, usize),
    Malformed(String),
}

/// Largest head that is read, in bytes.
const LARGEST_HEAD: usize = 256 * 1024;

/// `to_head`: the request was HEAD. `ended`: no more bytes will come.
pub(crate) fn parse(mut bytes: &[u8], to_head: bool, ended: bool) -> Progress {
    let mut skipped = 0;
    loop {
        let mut headers = [httparse::EMPTY_HEADER; 256];
        let mut head = httparse::Response::new(&mut headers);
        let length = match head.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() > LARGEST_HEAD => {
                return Progress::Malformed("the head of the answer is too large".to_owned());
            }
            Ok(httparse::Status::Partial) => return Progress::Partial(None, 0),
            Err(error) => return Progress::Malformed(error.to_string()),
        };
        let status = head.code.unwrap_or_default();
        if (100..200).contains(&status) && status != 101 {
            // An interim answer: the real one follows.
            bytes = &bytes[length..];
            skipped += length;
            continue;
        }
        let response = response(&head, status);
        return match body(&bytes[length..], response, to_head, ended) {
            Progress::Whole(response, taken) => Progress::Whole(response, skipped + length + taken),
            Progress::Partial(response, wanted) => {
                Progress::Partial(response, wanted.saturating_add(skipped + length))
            }
            malformed @ Progress::Malformed(_) => malformed,
        };
    }
}

fn response(head: &httparse::Response<'_, '_>, status: u16) -> Response {
    let headers: Vec<_> = head
        .headers
        .iter()
        .map(|h| (h.name.to_owned(), String::from_utf8_lossy(h.value).into_owned()))
        .collect();
    let mut response = Response { status, headers, body: Vec::new(), closes: false };
    let connection = response.header("connection").unwrap_or_default().to_ascii_lowercase();
    response.closes = match head.version {
        Some(0) => !connection.contains("keep-alive"),
        _ => connection.contains("close"),
    };
    response
}

fn body(rest: &[u8], mut response: Response, to_head: bool, ended: bool) -> Progress {
    if to_head || matches!(response.status, 101 | 204 | 304) {
        return Progress::Whole(response, 0);
    }
    let coding = response.header("transfer-encoding").unwrap_or_default().to_ascii_lowercase();
    if coding.contains("chunked") {
        return chunked(rest, response);
    }
    if let Some(length) = response.header("content-length") {
        let Ok(length) = length.trim().parse::<usize>() else {
            return Progress::Malformed(format!("Content-Length is {length:?}"));
        };
        let whole = rest.len() >= length;
        response.body = rest[..length.min(rest.len())].to_vec();
        return if whole {
            Progress::Whole(response, length)
        } else {
            Progress::Partial(Some(response), length)
        };
    }
    // Neither length nor chunks: the end of the connection is the end of the body (RFC 9112 6.3).
    response.closes = true;
    response.body = rest.to_vec();
    if ended {
        Progress::Whole(response, rest.len())
    } else {
        Progress::Partial(Some(response), usize::MAX)
    }
}

fn chunked(rest: &[u8], mut response: Response) -> Progress {
    let mut at = 0;
    loop {
        match httparse::parse_chunk_size(&rest[at..]) {
            Ok(httparse::Status::Complete((line, 0))) => {
                // The chunk of length 0 is followed by trailers and an empty line.
                let trailers = &rest[at + line..];
                if trailers.starts_with(b"\r\n") {
                    return Progress::Whole(response, at + line + 2);
                }
                let end = trailers.windows(4).position(|window| window == b"\r\n\r\n");
                return match end {
                    Some(end) => Progress::Whole(response, at + line + end + 4),
                    None => Progress::Partial(Some(response), 0),
                };
            }
            Ok(httparse::Status::Complete((line, size))) => {
                let start = at + line;
                let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size));
                let Some(end) = end else {
                    return Progress::Malformed("a chunk is too large".to_owned());
                };
                response.body.extend_from_slice(&rest[start..end.min(rest.len())]);
                let wanted = end.saturating_add(2);
                if rest.len() < wanted {
                    return Progress::Partial(Some(response), wanted);
                }
                if &rest[end..end + 2] != b"\r\n" {
                    return Progress::Malformed("a chunk does not end where it says".to_owned());
                }
                at = end + 2;
            }
            Ok(httparse::Status::Partial) => return Progress::Partial(Some(response), 0),
            Err(_) => return Progress::Malformed("a chunk has no valid size".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> (Response, usize) {
        match parse(bytes, false, false) {
            Progress::Whole(response, taken) => (response, taken),
            other => panic!("expected a whole answer, found {other:?}"),
        }
    }

    #[test]
    fn length_chunks_and_end_of_connection_delimit_a_body() {
        let (response, taken) = whole(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP");
        assert_eq!((response.text().as_ref(), taken), ("ok", 40));
        let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n1;a=b\r\n!\r\n0\r\nT: 1\r\n\r\n";
        let (response, taken) = whole(chunks);
        assert_eq!((response.text().as_ref(), taken), ("ok!", chunks.len()));
        let open = b"HTTP/1.0 200 OK\r\n\r\nok";
        assert!(matches!(parse(open, false, false), Progress::Partial(Some(_), usize::MAX)));
        assert!(matches!(parse(open, false, true), Progress::Whole(r, 21) if r.closes));
    }

    #[test]
    fn every_prefix_of_an_answer_is_partial() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
        for end in 0..bytes.len() {
            assert!(matches!(parse(&bytes[..end], false, false), Progress::Partial(..)), "{end}");
        }
        assert_eq!(whole(bytes).1, bytes.len());
    }

    #[test]
    fn it_is_known_how_many_bytes_a_look_must_wait_for() {
        for (bytes, all) in [
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", 72),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nab", 61),
        ] {
            let Progress::Partial(_, wanted) = parse(bytes.as_bytes(), false, false) else {
                panic!("expected a part of an answer");
            };
            assert_eq!(wanted, all, "{bytes}");
            let one_less = format!("{bytes}{}", "x".repeat(wanted - bytes.len() - 1));
            assert!(matches!(parse(one_less.as_bytes(), false, false), Progress::Partial(..)));
        }
    }

    #[test]
    fn what_is_not_http_is_said() {
        for bytes in [&b"SSH-2.0-OpenSSH\r\n"[..], b"\x16\x03\x01\x02", b"+PONG\r\n"] {
            assert!(matches!(parse(bytes, false, false), Progress::Malformed(_)));
        }
        let broken = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
        assert!(matches!(parse(broken, false, false), Progress::Malformed(_)));
    }
}
