//! A recorded request as a command that somebody can paste.

use crate::answer::{Answer, Asked};

/// How much of a body is shown, in characters.
const SHOWN: usize = 300;
/// Space at the end of a body that is no accident, in bytes.
const PADDING: usize = 16;

impl Answer {
    /// The request as a curl command; the reader puts the address in. What cannot be pasted is told
    /// in a comment of the shell.
    pub fn curl(&self) -> String {
        let mut words = vec!["curl -i".to_owned()];
        if self.request.method != "GET" {
            words.push(format!("-X {}", self.request.method));
        }
        let headers = self.request.headers.iter();
        words.extend(headers.map(|(n, v)| format!("-H {}", quoted(&format!("{n}: {v}")))));
        let (body, comment) = body(&self.request);
        words.extend(body);
        words.push(
            quoted(&format!("$SERVICE{}", self.request.target))
                .replace("'$SERVICE", "\"$SERVICE\"'"),
        );
        words.extend(comment.map(|comment| format!("# {comment}")));
        words.join(" ")
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The words for a body, and what they leave out.
fn body(request: &Asked) -> (Option<String>, Option<&'static str>) {
    let body = request.body.trim_end();
    if body.is_empty() && request.body.is_empty() {
        return (None, None);
    }
    let is_text =
        |c: char| c != char::REPLACEMENT_CHARACTER && (!c.is_control() || c.is_whitespace());
    if !body.chars().take(SHOWN).all(is_text) {
        let comment = "put the bytes that the finding tells of into a file named body";
        return (Some("--data-binary @body".to_owned()), Some(comment));
    }
    let (shown, comment) = match body.char_indices().nth(SHOWN) {
        Some((end, _)) => {
            (format!("{}…", &body[..end]), Some("the body goes on, as the finding says"))
        }
        None if request.body.len() - body.len() > PADDING => {
            (body.to_owned(), Some("the body goes on with spaces, as the finding says"))
        }
        None => (body.to_owned(), None),
    };
    (Some(format!("--data-binary {}", quoted(&shown))), comment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    fn curl(body: &str) -> String {
        let request = Asked {
            method: "POST".to_owned(),
            target: "/items?a=1".to_owned(),
            headers: vec![("X-Note".to_owned(), "it's".to_owned())],
            body: body.to_owned(),
        };
        let outcome = Outcome::Answered { status: 200 };
        Answer {
            label: String::new(),
            request,
            outcome,
            headers: Vec::new(),
            body: String::new(),
            bytes: 0,
            took_us: 0,
            as_expected: None,
        }
        .curl()
    }

    #[test]
    fn a_small_body_can_be_pasted() {
        assert_eq!(
            curl("{\"a\":1}\n"),
            "curl -i -X POST -H 'X-Note: it'\\''s' --data-binary '{\"a\":1}' \"$SERVICE\"'/items?a=1'"
        );
        assert!(!curl("").contains("--data-binary"));
    }

    #[test]
    fn what_cannot_be_pasted_is_told() {
        assert!(curl(&"[".repeat(1000)).ends_with("# the body goes on, as the finding says"));
        let padded = format!("{{}}{}", " ".repeat(1000));
        assert!(curl(&padded).ends_with("# the body goes on with spaces, as the finding says"));
        let packed = curl("\u{1f}\u{fffd}\u{8}");
        assert!(packed.contains("--data-binary @body "), "{packed}");
        assert!(packed.contains("# put the bytes"), "{packed}");
    }
}
