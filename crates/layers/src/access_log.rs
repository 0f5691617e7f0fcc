//! One line of JSON for each request. Queries, headers and bodies are never in it: that is where
//! tokens and personal data travel.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::observe::{Served, Sink};
use crate::routes::Routes;

/// Where the lines go: whole lines, with their ends.
type Output = Arc<dyn Fn(&[u8]) + Send + Sync>;
type Scrub = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Writes the log.
#[derive(Clone)]
pub struct AccessLog {
    output: Output,
    private: Routes,
    scrub: Option<Scrub>,
    second: Arc<Mutex<Second>>,
}

/// The last second that was written: to spell it out costs more than the rest of a line.
#[derive(Debug, Default)]
struct Second {
    since_1970: u64,
    text: String,
}

impl Second {
    /// The time as RFC 3339 has it, to the millisecond.
    fn write(&mut self, now: Duration, line: &mut Vec<u8>) {
        if self.text.is_empty() || self.since_1970 != now.as_secs() {
            let seconds = i64::try_from(now.as_secs()).unwrap_or_default();
            let second = jiff::Timestamp::from_second(seconds).unwrap_or_default();
            *self = Self { since_1970: now.as_secs(), text: format!("{second:.0}") };
        }
        line.extend_from_slice(self.text.trim_end_matches('Z').as_bytes());
        thousandths(now.subsec_millis(), line);
        line.push(b'Z');
    }
}

/// A point and three digits.
fn thousandths(number: u32, line: &mut Vec<u8>) {
    let digit = |number: u32| b'0' + (number % 10) as u8;
    line.extend_from_slice(&[b'.', digit(number / 100), digit(number / 10), digit(number)]);
}

impl AccessLog {
    /// Hands each line to this function, which should not block.
    pub fn new(output: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        let (private, second) = (Routes::default(), Arc::default());
        Self { output: Arc::new(output), private, scrub: None, second }
    }

    /// Writes paths as this function gives them back, where they may hold anything of somebody's.
    #[must_use]
    pub fn scrubbed(mut self, scrub: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.scrub = Some(Arc::new(scrub));
        self
    }

    /// Of paths that begin like these, the template is written in place of the beginning: its
    /// segments are secret.
    #[must_use]
    pub fn private(mut self, paths: Routes) -> Self {
        self.private = paths;
        self
    }
}

impl Sink for AccessLog {
    fn served(&self, served: &Served) {
        let mut line = Vec::with_capacity(320);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        line.extend_from_slice(b"{\"time\":\"");
        self.second.lock().unwrap_or_else(PoisonError::into_inner).write(now, &mut line);
        write_rest(&mut line, served, &self.path(served.uri.path()));
        (self.output)(&line);
    }
}

impl AccessLog {
    /// What is written of a path.
    fn path<'p>(&self, path: &'p str) -> Cow<'p, str> {
        if let Some(hidden) = self.private.hidden(path) {
            return Cow::Owned(hidden);
        }
        match &self.scrub {
            Some(scrub) if may_tell(path) => Cow::Owned(scrub(path)),
            _ => Cow::Borrowed(path),
        }
    }
}

/// Whether a path can hold an address, a card or a token: to look for them costs more than the rest
/// of a line.
fn may_tell(path: &str) -> bool {
    let longest = path.split('/').map(str::len).max().unwrap_or(0);
    longest >= 13 || path.contains(['@', '%', '=', ':'])
}

fn write_rest(line: &mut Vec<u8>, served: &Served, path: &str) {
    let status = served.status.map_or(499, |status| status.as_u16());
    let level = if status >= 500 { "error" } else { "info" };
    let id = served.id.as_ref().and_then(|id| id.to_str().ok());
    let (begin, end) = if id.is_some() { ("\",\"request_id\":\"", "\"") } else { ("\"", "") };
    let parts =
        ["\",\"level\":\"", level, "\",\"message\":\"request", begin, id.unwrap_or(""), end];
    for part in parts.into_iter().chain([",\"method\":\"", served.method.as_str(), "\",\"path\":"])
    {
        line.extend_from_slice(part.as_bytes());
    }
    // Writing into memory cannot fail.
    let _ = serde_json::to_writer(&mut *line, path);
    line.extend_from_slice(b",\"status\":");
    number(u64::from(status), line);
    line.extend_from_slice(b",\"bytes\":");
    number(served.bytes, line);
    line.extend_from_slice(b",\"duration_ms\":");
    number(u64::try_from(served.took.as_millis()).unwrap_or(u64::MAX), line);
    thousandths(served.took.subsec_micros() % 1000, line);
    for (name, rule) in [("refused", &served.refused), ("would_refuse", &served.would_refuse)] {
        if let Some(rule) = rule {
            line.extend_from_slice(b",\"");
            line.extend_from_slice(name.as_bytes());
            line.extend_from_slice(b"\":");
            let _ = serde_json::to_writer(&mut *line, rule);
        }
    }
    line.extend_from_slice(if served.whole { b"}\n" } else { b",\"aborted\":true}\n" });
}

fn number(number: u64, line: &mut Vec<u8>) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    fn logged(uri: &str, private: &[&str]) -> String {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let keep = move |line: &[u8]| kept.lock().expect("unpoisoned").extend_from_slice(line);
        let paths = Routes::new(private.iter().map(|path| (*path).to_owned()));
        AccessLog::new(keep).private(paths).served(&Served {
            method: http::Method::GET,
            uri: uri.parse().expect("it is a path"),
            status: Some(http::StatusCode::OK),
            id: Some(http::HeaderValue::from_static("abc")),
            bytes: 5,
            took: Duration::from_micros(1500),
            whole: true,
            refused: None,
            would_refuse: None,
        });
        let text = lines.lock().expect("unpoisoned").clone();
        String::from_utf8(text).expect("UTF-8")
    }

    #[test]
    fn a_line_is_json_without_the_query() {
        let text = logged("/a%0ab?token=secret", &[]);
        let line: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert!(text.contains(",\"bytes\":5,\"duration_ms\":1.500}"), "{text}");
        let time = line["time"].as_str().expect("a text");
        let told: jiff::Timestamp = time.parse().expect("RFC 3339");
        assert!(time.len() == 24 && told.duration_until(jiff::Timestamp::now()).as_secs() < 60);
        assert_eq!((&line["status"], &line["request_id"]), (&200.into(), &"abc".into()));
        assert!(!text.contains("secret") && text.matches('\n').count() == 1);
    }

    #[test]
    fn of_a_private_path_only_the_template_is_written() {
        let text = logged("/invitations/secret/accept", &["/invitations/{token}"]);
        assert!(text.contains("/invitations/{token}/accept"), "{text}");
    }

    #[test]
    fn a_path_is_scrubbed_where_it_may_tell_something() {
        let log = AccessLog::new(|_| ()).scrubbed(|_| "clean".to_owned());
        assert_eq!(log.path("/users/ann@example.org"), "clean");
        assert_eq!(log.path("/pay/4111111111111111"), "clean");
        assert_eq!(log.path("/users/42"), "/users/42");
    }
}
