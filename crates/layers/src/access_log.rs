//! One line of JSON for each request. Queries, headers and bodies are never in it: that is where
//! tokens and personal data travel.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::correlation::RequestId;
use crate::observe::{Served, Sink};
use crate::routes::Routes;

/// Where the lines go: whole lines, with their ends.
type Output = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// Writes the log.
#[derive(Clone)]
pub struct AccessLog {
    output: Output,
    private: Routes,
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
        Self { output: Arc::new(output), private: Routes::default(), second: Arc::default() }
    }

    /// Of paths like these, only the template is written: their segments are secret.
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
        let template = self.private.known(served.uri.path());
        let path = template.as_ref().map_or_else(|| served.uri.path(), |known| known.as_str());
        write_rest(&mut line, served, path);
        (self.output)(&line);
    }
}

fn write_rest(line: &mut Vec<u8>, served: &Served, path: &str) {
    let status = served.status.map_or(499, |status| status.as_u16());
    let level = if status >= 500 { "error" } else { "info" };
    let id = served.id.as_ref().map(RequestId::text);
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
            id: Some(RequestId(http::HeaderValue::from_static("abc"))),
            bytes: 5,
            took: Duration::from_micros(1500),
            whole: true,
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
        let text = logged("/invitations/secret", &["/invitations/{token}"]);
        assert!(text.contains("/invitations/{token}") && !text.contains("secret"), "{text}");
    }
}
