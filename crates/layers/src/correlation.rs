//! Every request has an id: a caller's where it is sound, else a new one; the service sees it, the
//! answer carries it, and so does the trace context (W3C Trace Context, level 1).

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};

use crate::policy::Policy;

/// How ids are given. The id stands in the header of the request and of its answer.
#[derive(Debug, Clone)]
pub struct Correlation {
    /// The header that carries the id; `X-Request-Id` by default.
    pub header: HeaderName,
    /// Whether a caller's id is taken over: 1 to 128 letters, digits, `.`, `_`, `-`; anything else
    /// could forge a line of the log.
    pub accept: bool,
}

impl Default for Correlation {
    fn default() -> Self {
        Self { header: HeaderName::from_static("x-request-id"), accept: true }
    }
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
const LONGEST: usize = 128;

impl Policy for Correlation {
    type State = HeaderValue;

    fn request<B>(&self, request: &mut Request<B>) -> Result<HeaderValue, Box<Response<Bytes>>> {
        let given = request.headers().get(&self.header).filter(|id| self.accept && is_sound(id));
        let id = given.cloned().unwrap_or_else(new_id);
        let headers = request.headers_mut();
        // At once for what is added here and further in.
        headers.reserve(4);
        headers.insert(self.header.clone(), id.clone());
        let trace = headers.get(TRACEPARENT).and_then(|value| trace_id(value.as_bytes()));
        if trace.is_none() {
            // A state without its trace means nothing.
            headers.remove(TRACESTATE);
        }
        headers.insert(TRACEPARENT, traceparent(trace));
        Ok(id)
    }

    fn response<B>(&self, id: HeaderValue, response: &mut Response<B>) {
        response.headers_mut().insert(self.header.clone(), id);
    }
}

fn is_sound(id: &HeaderValue) -> bool {
    let bytes = id.as_bytes();
    let fits = (1..=LONGEST).contains(&bytes.len());
    fits && bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn new_id() -> HeaderValue {
    let mut text = [0; 32];
    hex(fastrand::u64(..), &mut text[..16]);
    hex(fastrand::u64(..), &mut text[16..]);
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("0"))
}

/// The sixteen digits of a number.
fn hex(number: u64, text: &mut [u8]) {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    for (pair, byte) in text.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
}

/// Trace id and flags of a sound `traceparent`: `00-32 hex-16 hex-2 hex`, neither id all zero.
fn trace_id(value: &[u8]) -> Option<([u8; 32], [u8; 2])> {
    let lower = |bytes: &[u8]| bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let zero = |bytes: &[u8]| bytes.iter().all(|b| *b == b'0');
    if value.len() < 55 || (value.len() > 55 && (&value[..2] == b"00" || value[55] != b'-')) {
        return None;
    }
    let (version, trace, parent, flags) =
        (&value[..2], &value[3..35], &value[36..52], &value[53..55]);
    let dashes = [2, 35, 52].iter().all(|at| value[*at] == b'-');
    let sound = [version, trace, parent, flags].iter().all(|part| lower(part));
    let known = dashes && sound && version != b"ff" && !zero(trace) && !zero(parent);
    known.then(|| Some((trace.try_into().ok()?, flags.try_into().ok()?)))?
}

fn traceparent(trace: Option<([u8; 32], [u8; 2])>) -> HeaderValue {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-01";
    match trace {
        Some((trace, flags)) => {
            text[3..35].copy_from_slice(&trace);
            text[53..].copy_from_slice(&flags);
        }
        None => {
            hex(fastrand::u64(1..), &mut text[3..19]);
            hex(fastrand::u64(..), &mut text[19..35]);
        }
    }
    hex(fastrand::u64(1..), &mut text[36..52]);
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    fn through(headers: &[(&str, &str)]) -> (Request<()>, HeaderValue) {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).expect("it is sound");
        let id = Correlation::default().request(&mut request).expect("it never refuses");
        (request, id)
    }

    #[test]
    fn a_sound_id_is_kept_and_a_hostile_one_is_not() {
        assert_eq!(through(&[("x-request-id", "a-1.b_2")]).1, "a-1.b_2");
        for hostile in ["", "a b", "a\"b", "${jndi}", &"a".repeat(129)] {
            let (request, id) = through(&[("x-request-id", hostile)]);
            assert_ne!(id, hostile);
            assert_eq!(id.len(), 32);
            assert_eq!(request.headers()["x-request-id"], id);
        }
        assert_ne!(through(&[]).1, through(&[]).1);
    }

    #[test]
    fn a_trace_goes_on_with_a_new_parent() {
        let (request, _) = through(&[("traceparent", TRACE), ("tracestate", "a=b")]);
        let value = request.headers()["traceparent"].to_str().expect("it is text").to_owned();
        assert_eq!((&value[..36], &value[52..]), (&TRACE[..36], "-00"));
        assert_ne!(value, TRACE);
        assert!(request.headers().contains_key("tracestate"));
    }

    #[test]
    fn a_broken_trace_begins_anew() {
        let zero = TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        for broken in ["", "00", &TRACE[1..], &TRACE.to_uppercase(), &zero, &format!("{TRACE}-x")] {
            let (request, _) = through(&[("traceparent", broken), ("tracestate", "a=b")]);
            let value = request.headers()["traceparent"].as_bytes();
            assert!(trace_id(value).is_some(), "{broken}");
            assert_ne!(&value[3..35], &TRACE.as_bytes()[3..35]);
            assert!(!request.headers().contains_key("tracestate"));
        }
    }
}
