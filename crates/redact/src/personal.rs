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
    Regex::new(r"(?i)[a-z0-9._%+-]+(?:@|%40|\\u0040)[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}").ok()
});
static SCHEME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)\b(bearer|basic|token)(\s+|%20|\+)[a-z0-9._~+/=-]{6,}").ok());
static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?|\b(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{8,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bxox[abprs]-[A-Za-z0-9-]{10,}|\bAKIA[A-Z0-9]{16}\b|\bAIza[A-Za-z0-9_-]{30,}|\bwhsec_[A-Za-z0-9+/=]{16,}",
    )
    .ok()
});
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // "password": "x"   password=x   password: 'x'   \"password\":\"x\"
    let value = r#"(?:\\?"(?:[^"\\]|\\[^"])*\\?"|'[^']*'|[^\s&,;"'}\])]+)"#;
    Regex::new(&format!(r#"(?i)(\b{NAMES}\\?["']?\s*(?:=>|[:=])\s*)({value})"#)).ok()
});
static DIGITS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b\d(?:[ -]?\d){12,18}\b").ok());
static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"([a-z][a-z0-9+.-]*://[^\s:/@]*:)[^\s/@]+(@)").ok());

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
        let text = self.each(&DIGITS, &text, |found| match is_card(&found[0]) {
            true => self.stand_in("card", &found[0]),
            false => found[0].to_owned(),
        });
        text.into_owned()
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

/// Whether digits are a payment card: an issuer's range, one of its lengths, and Luhn's check.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let first = |count: usize| digits.iter().take(count).fold(0, |sum, digit| sum * 10 + digit);
    let issued = match digits.len() {
        13 | 16 | 18 | 19 if first(1) == 4 => true,
        15 => matches!(first(2), 34 | 37),
        14 => matches!(first(2), 36 | 38) || matches!(first(3), 300..=305),
        16 => {
            matches!(first(2), 51..=55)
                || matches!(first(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(first(2), 62 | 65)
        }
        17..=19 => first(2) == 62,
        _ => false,
    };
    issued && luhn(&digits)
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match at % 2 {
            0 => *digit,
            _ => digit * 2 / 10 + digit * 2 % 10,
        })
        .sum();
    sum.is_multiple_of(10)
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
