//! Secrets and personal data by their looks, in text that somebody else wrote: mail addresses, cards
//! by issuer, length and Luhn's check, tokens by their beginnings, and the values of what is named a
//! secret.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use sha2::{Digest, Sha256};

use crate::Redactor;

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
    Regex::new(r"(?i)((?:\b|\d)(?:bearer|basic|token))(\s+|%20|\+)[a-z0-9._~+/=-]{6,}").ok()
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
    let value = format!(r#"(?:{nested}|"(?:[^"\\]|\\.)*(?:"|$)|'[^']*(?:'|$)|[^\s&,;"'}}\])]+)"#);
    Regex::new(&format!(r#"(?is)({NAMES}\\?["']?\s*(?:=>|[:=])\s*)({value})"#)).ok()
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
            let parts = template.split('/').map(|part| match part.starts_with('{') {
                true => r#"[^/\s"'?&]+"#.to_owned(),
                false => regex::escape(part),
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
        let text = self.each(&NAMED, &text, |found| self.named(found));
        let text = self.each(&SCHEME, &text, |found| {
            format!("{}{}{}", &found[1], &found[2], self.stand_in("token", &found[0]))
        });
        let text = self.each(&MAIL, &text, |found| self.stand_in("email", &found[0]));
        let mut text = text;
        for (pattern, template) in &self.paths {
            text = Cow::Owned(pattern.replace_all(&text, template.as_str()).into_owned());
        }
        let mut clean = String::with_capacity(text.len());
        let mut at = 0;
        for card in crate::cards::find(&text) {
            clean.push_str(&text[at..card.start]);
            clean.push_str(&self.stand_in("card", &text[card.clone()]));
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
        let harmless = ["", "null", "true", "false", "undefined", "None", "nil", "0"];
        let scheme = ["bearer", "basic", "token"].contains(&bare.to_ascii_lowercase().as_str());
        if harmless.contains(&bare) || bare.starts_with('‹') || scheme {
            return found[0].to_owned();
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
        ] {
            let clean = scrub(line);
            assert!(!clean.contains(gone), "{clean}");
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
