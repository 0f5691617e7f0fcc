//! A cookie jar for one host. `Secure` does not matter on loopback.

use client::Response;

/// Names and values, the latest of each name.
#[derive(Debug, Clone, Default)]
pub struct Cookies {
    all: Vec<(String, String)>,
}

impl Cookies {
    /// Takes what an answer sets; an empty value or `Max-Age=0` takes it away.
    pub fn take(&mut self, response: &Response) {
        let set =
            response.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        for (_, text) in set {
            let mut parts = text.split(';');
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            let gone = parts.any(|part| part.trim().eq_ignore_ascii_case("max-age=0"));
            self.all.retain(|(known, _)| known != name.trim());
            if !gone && !value.is_empty() {
                self.all.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
    }

    /// The value of the `Cookie` header with these added, if there are any.
    pub fn header(&self, more: &[(String, String)]) -> Option<String> {
        let all: Vec<_> = self.all.iter().chain(more).map(|(n, v)| format!("{n}={v}")).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_value_counts_and_an_expired_one_goes() {
        let mut jar = Cookies::default();
        let answer = |value: &str| Response {
            status: 200,
            headers: vec![("set-cookie".into(), value.into())],
            body: vec![],
            closes: false,
        };
        jar.take(&answer("a=1; Secure; HttpOnly"));
        jar.take(&answer("b=2"));
        jar.take(&answer("a=3; Path=/"));
        assert_eq!(jar.header(&[]).as_deref(), Some("b=2; a=3"));
        jar.take(&answer("a=x; Max-Age=0"));
        assert_eq!(jar.header(&[("c".into(), "4".into())]).as_deref(), Some("b=2; c=4"));
    }
}
