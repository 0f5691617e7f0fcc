//! Secrets and personal data by their looks, in text that somebody else wrote: mail addresses, cards
//! by issuer, length and Luhn's check, tokens by their beginnings, and the values of what is named a
//! secret.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use sha2::{Digest, Sha256};

use crate::Redactor;
use crate::names::{is_count, is_secret};

/// What stands in the place of something personal.
#[derive(Debug, Clone)]
pub enum Style {
    /// Its kind: `‹email›`.
    Mask,
    /// Its kind and a keyed hash, so that equal values can be told to be equal: `‹email 3f9a…›`.
    Hash(Vec<u8>),
}

/// Masks secrets and personal data in lines of text.
#[derive(Debug, Clone)]
pub struct Scrubber {
    known: Redactor,
    style: Style,
    /// Paths with secret segments, and what is written in their place.
    paths: Vec<(Regex, String)>,
}

const NAMES: &str = r"(?:[a-z0-9_.-]*(?:passw(?:or)?d|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|session(?:id)?|cookie|credential|csrf|otp|cvv|cvc|card|iban|ssn|phone)[a-z0-9_-]*)";

static MAIL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)[\w.%+-]+(?:@|%40|\\u0040)[\w-]+(?:\.[\w-]+)*\.\p{L}{2,}").ok()
});
static SCHEME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)((?:\b|\d)(?:bearer|basic|token))(\s+|%20|\+)([a-z0-9._~+/=-]{6,})").ok()
});
// Without a boundary before them: what comes before may be an escape, `\n` or `%3D`.
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){1,4}|(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{8,}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|whsec_[A-Za-z0-9+/=]{16,}",
    )
    .ok()
});
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // "password": "x"   password=x   password: 'x'   \"password\":\"x\"   "password":"x (cut off)
    let nested = r#"\\"(?:[^"\\]|\\\\(?:\\\\|\\"|[^"\\])|\\[^"\\])*(?:\\"|$)"#;
    // A list goes whole; what is in an object has names of its own. `{bcrypt}$2a$10$…` is neither.
    let bare = r#"(?:\{[a-z0-9@_-]+\})?[^\s&,;"'}\])\[{][^\s&,;"'}\])]*"#;
    let list = r"\[[^\[\]]*(?:\]|$)";
    let value = format!(r#"(?:{nested}|"(?:[^"\\]|\\.)*(?:"|$)|'[^']*(?:'|$)|{list}|{bare})"#);
    Regex::new(&format!(r#"(?is)({NAMES}\\?["']?\s*(?:=>|[:=])\s*)({value})"#)).ok()
});
// Header lines, whose values go on after a space: every pair of a cookie, and what follows a scheme.
static COOKIES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let pair = r#"[^\s;,"'\\=]+=[^\s;,"'\\]*"#;
    Regex::new(&format!(r"(?i)(\b(?:set-)?cookie:\s*)({pair}(?:;\s*{pair})*)")).ok()
});
static PROOF: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?i)(authorization:\s*[a-z][a-z0-9-]*\s+)([^\s"'\\‹,]+(?:,\s*[a-z]+=[^\s,]+)*)"#)
        .ok()
});
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)([a-z][a-z0-9+.-]*://[^\s:/@"<>]*:)[^\s/"<>]+(@)"#).ok());

impl Scrubber {
    /// Masks these known secrets, and everything that looks like one.
    pub fn new(known: Redactor, style: Style) -> Self {
        Self { known, style, paths: Vec::new() }
    }

    /// Also masks what stands in the places in braces of paths like these: `/invitations/{token}`.
    #[must_use]
    pub fn paths(mut self, templates: &[String]) -> Self {
        let pattern = |template: &String| {
            let parts = template.split('/').map(|part| {
                if part.starts_with('{') {
                    r#"[^/\s"'?&]+"#.to_owned()
                } else {
                    regex::escape(part)
                }
            });
            let found = Regex::new(&parts.collect::<Vec<_>>().join("/")).ok()?;
            Some((found, template.replace(['{', '}'], "").replace('$', "$$")))
        };
        let secret = templates.iter().filter(|template| template.contains("/{"));
        self.paths = secret.filter_map(pattern).collect();
        self
    }

    /// The line without what nobody may read.
    pub fn scrub(&self, line: &str) -> String {
        let text = self.known.mask(line);
        let text = self.each(&ADDRESS, &text, |found| {
            format!("{}{}{}", &found[1], self.stand_in("password", &found[0]), &found[2])
        });
        let text = self.each(&TOKEN, &text, |found| self.stand_in("token", &found[0]));
        let hidden = |kind: &'static str| {
            move |found: &Captures<'_>| format!("{}{}", &found[1], self.stand_in(kind, &found[2]))
        };
        let text = self.each(&COOKIES, &text, hidden("secret"));
        let text = self.each(&PROOF, &text, hidden("token"));
        let text = self.each(&NAMED, &text, |found| self.named(found));
        let text = self.each(&SCHEME, &text, |found| {
            if is_plain_word(&found[3]) {
                found[0].to_owned()
            } else {
                format!("{}{}{}", &found[1], &found[2], self.stand_in("token", &found[0]))
            }
        });
        let text = self.each(&MAIL, &text, |found| self.stand_in("email", &found[0]));
        let mut text = text;
        for (pattern, template) in &self.paths {
            text = Cow::Owned(pattern.replace_all(&text, template.as_str()).into_owned());
        }
        let mut clean = String::with_capacity(text.len());
        let mut at = 0;
        for card in crate::cards::find(&text) {
            let before = &text[at..card.start];
            // A number in JSON: what stands in its place is a text.
            let quote = if before.trim_end().ends_with(':') { quote_of(before) } else { "" };
            let stand_in = self.stand_in("card", &text[card.clone()]);
            clean.extend([before, quote, &stand_in, quote]);
            at = card.end;
        }
        clean.push_str(&text[at..]);
        clean
    }

    fn each<'t>(
        &self,
        pattern: &LazyLock<Option<Regex>>,
        text: &'t str,
        replace: impl Fn(&Captures<'_>) -> String,
    ) -> Cow<'t, str> {
        match pattern.as_ref() {
            Some(pattern) => pattern.replace_all(text, replace),
            None => Cow::Borrowed(text),
        }
    }

    fn named(&self, found: &Captures<'_>) -> String {
        let (name, value) = (&found[1], &found[2]);
        let bare = value.trim_matches(['"', '\'', '\\']);
        let harmless = ["", "null", "true", "false", "undefined", "None", "nil", "0", "[]"];
        let scheme = found[0].contains(':')
            && bare.bytes().all(|byte| byte.is_ascii_alphabetic())
            && found[0].to_ascii_lowercase().contains("authorization");
        let known = ["bearer", "basic", "token"].contains(&bare.to_ascii_lowercase().as_str());
        let own = name.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        let innocent = !is_secret(own) || is_count(own, bare);
        let masked = bare.trim_start_matches(['[', '"', '\\', '\'']).starts_with('‹');
        if harmless.contains(&bare) || masked || known || scheme || innocent {
            return found[0].to_owned();
        }
        let quote = quote_of(name);
        if let Some(list) = value.strip_prefix('[') {
            let end = if list.ends_with(']') { "]" } else { "" };
            return format!("{name}[{quote}{}{quote}{end}", self.stand_in("secret", bare));
        }
        if value == bare && !quote.is_empty() {
            // A bare number in JSON: what stands in its place is a text.
            return format!("{name}{quote}{}{quote}", self.stand_in("secret", bare));
        }
        let before = &value[..value.len() - value.trim_start_matches(['"', '\'', '\\']).len()];
        let after = &value[value.trim_end_matches(['"', '\'', '\\']).len()..];
        format!("{name}{before}{}{after}", self.stand_in("secret", bare))
    }

    fn stand_in(&self, kind: &str, value: &str) -> String {
        match &self.style {
            Style::Mask => format!("‹{kind}›"),
            Style::Hash(key) => {
                let hash = Sha256::new().chain_update(key).chain_update(value).finalize();
                format!("‹{kind} {:02x}{:02x}{:02x}{:02x}›", hash[0], hash[1], hash[2], hash[3])
            }
        }
    }
}

/// The quotes around a name and, in JSON, around texts.
fn quote_of(name: &str) -> &'static str {
    let end = name.trim_end_matches(|c: char| c.is_whitespace() || ":=>".contains(c));
    match end {
        _ if end.ends_with("\\\"") => "\\\"",
        _ if end.ends_with('"') => "\"",
        _ => "",
    }
}

/// `expired` after `token` is no token.
fn is_plain_word(text: &str) -> bool {
    text.len() < 20 && text.bytes().all(|byte| byte.is_ascii_lowercase() || b".-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(line: &str) -> String {
        let known = Redactor::default();
        known.learn("JWT_SECRET", "declared-secret-value");
        Scrubber::new(known, Style::Mask).scrub(line)
    }

    #[test]
    fn what_nobody_may_read_is_masked() {
        for (line, gone) in [
            ("mail from ann.lee+x@example.co.uk ok", "ann.lee"),
            ("mail=ann%40example.com", "ann"),
            ("paid with 4111 1111 1111 1111", "1111"),
            ("pan 378282246310005.", "3782"),
            ("Authorization: Bearer abc.def-ghi", "abc.def"),
            (r#"{"headers":{"authorization":"Bearer abcdefgh"}}"#, "abcdefgh"),
            ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIi"),
            (r#"body {"user":"a","password":"hunter two"}"#, "hunter"),
            (r#"body {\"password\":\"hunter2\"}"#, "hunter2"),
            ("GET /a?token=deadbeefcafe&b=1", "deadbeefcafe"),
            ("password: 'x y z'", "x y z"),
            ("url postgres://app:s3cr3t@db/x", "s3cr3t"),
            ("key declared-secret-value here", "declared-secret"),
            ("stripe sk_live_abcdefghijklmnop", "abcdefgh"),
            ("paid 4111111111111111 12/27", "4111"),
            ("4111111111111111Bearer abcd/127", "abcd"),
            ("order 42 4111-1111-1111-1111 200", "4111"),
            ("q=%204111111111111111", "4111"),
            (r"pan:\n4111111111111111", "4111"),
            (r"\u00204111111111111111", "4111"),
            ("ann@exämple.com and jürgen@example.com", "@"),
            ("state%3DeyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIi"),
            ("eyJhbGciOiJSU0EifQ.aaaa.bbbb.cccc.dddddddd", "dddd"),
            (r#"{"password":"hunter\"2x","a":1}"#, "2x"),
            (r#"{\"password\":\"hunter\\\"2x\"}"#, "2x"),
            (r#"{"password":"hunter2 and then it was cut"#, "hunter"),
            ("url postgres://app:s3c@r3t@db/x", "r3t"),
            (r#"{"set-cookie":["sid=abc","b=2"],"a":1}"#, "abc"),
            (r#"{\"set-cookie\":[\"sid=abc\"]}"#, "abc"),
            ("Cookie: a=1; connect.sid=s%3Axyz", "xyz"),
            ("Authorization: ApiKey abcdef", "abcdef"),
            ("authorization: Negotiate YIIabc==", "YIIabc"),
            ("proxy-authorization: Digest username=x, response=6629fae", "6629"),
            ("authorization: Bearer abcdefgh", "abcdefgh"),
            ("User{password={bcrypt}$2a$10$abc}", "2a"),
            (r#"{"otp":482913,"a":1}"#, "482913"),
        ] {
            let clean = scrub(line);
            assert!(!clean.contains(gone), "{clean}");
        }
    }

    #[test]
    fn json_stays_json() {
        for (line, clean) in [
            (r#"{"otp":482913,"a":1}"#, r#"{"otp":"‹secret›","a":1}"#),
            (r#"{"n": 4111111111111111}"#, r#"{"n": "‹card›"}"#),
            (r#"{"set-cookie":["a=1","b=2"]}"#, r#"{"set-cookie":["‹secret›"]}"#),
            (r#"{"m":"{\"pin_token\":12}"}"#, r#"{"m":"{\"pin_token\":\"‹secret›\"}"}"#),
        ] {
            assert_eq!(scrub(line), clean);
            assert_eq!(scrub(clean), clean);
            serde_json::from_str::<serde_json::Value>(clean).expect("it is JSON");
        }
    }

    #[test]
    fn secret_segments_of_paths_are_masked() {
        let paths = ["/invitations/{token}".to_owned()];
        let scrubber = Scrubber::new(Redactor::default(), Style::Mask).paths(&paths);
        let clean = scrubber.scrub("GET /invitations/c4n4ry?a=1 and /other/c4n4ry");
        assert_eq!(clean, "GET /invitations/token?a=1 and /other/c4n4ry");
    }

    #[test]
    fn everything_else_stays_as_it_was() {
        for line in [
            "listening on 127.0.0.1:8080",
            r#"{"level":"info","msg":"order 1234567890123456 created","took":12.5}"#,
            "at 2026-11-21T10:00:00.000Z user=42 path=/tokens status=200",
            "token: null, password=\"\"",
            r#"{"cache":"redis://h:6379","from":"@x"}"#,
            "4111 1111 1111 1112",
            "ünïcödé ‹mask› @ home",
            r#"{"usage":{"prompt_tokens":512},"sessions":3,"discarded":7,"className":"row"}"#,
            r#"{"ratio":0.4111111111111111}"#,
            "token expired, basic settings, bearer authentication",
            r#"{"cookies":[],"tokens":{"a":1}}"#,
        ] {
            assert_eq!(scrub(line), line);
        }
    }

    #[test]
    fn equal_values_have_equal_hashes_under_one_key() {
        let with = |key: &[u8], line: &str| {
            Scrubber::new(Redactor::default(), Style::Hash(key.to_vec())).scrub(line)
        };
        assert_eq!(with(b"k", "a@b.example"), with(b"k", "a@b.example"));
        assert_ne!(with(b"k", "a@b.example"), with(b"l", "a@b.example"));
        assert!(!with(b"k", "a@b.example").contains('@'));
    }
}
