//! One line of JSON for each request. Queries, headers and bodies are never in it: that is where
//! tokens and personal data travel.

use std::io::Write;
use std::sync::Arc;

use crate::correlation::RequestId;
use crate::observe::{Served, Sink};

/// Where the lines go: whole lines, with their ends.
type Output = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// Writes the log.
#[derive(Clone)]
pub struct AccessLog {
    output: Output,
}

impl AccessLog {
    /// Hands each line to this function, which should not block.
    pub fn new(output: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self { output: Arc::new(output) }
    }
}

impl Sink for AccessLog {
    fn served(&self, served: &Served) {
        let mut line = Vec::with_capacity(256);
        // Writing into memory cannot fail.
        let _ = write_line(&mut line, served);
        (self.output)(&line);
    }
}

fn write_line(line: &mut Vec<u8>, served: &Served) -> std::io::Result<()> {
    let status = served.status.map_or(499, |status| status.as_u16());
    let level = if status >= 500 { "error" } else { "info" };
    let now = jiff::Timestamp::now();
    write!(line, "{{\"time\":\"{now:.3}\",\"level\":\"{level}\",\"message\":\"request\"")?;
    if let Some(id) = &served.id {
        write!(line, ",\"request_id\":\"{}\"", RequestId::text(id))?;
    }
    write!(line, ",\"method\":\"{}\",\"path\":", served.method)?;
    serde_json::to_writer(&mut *line, served.uri.path())?;
    write!(line, ",\"status\":{status},\"bytes\":{}", served.bytes)?;
    write!(line, ",\"duration_ms\":{:.3}", served.took.as_secs_f64() * 1000.0)?;
    if !served.whole {
        line.extend_from_slice(b",\"aborted\":true");
    }
    line.extend_from_slice(b"}\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_is_json_without_the_query() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let log =
            AccessLog::new(move |line| kept.lock().expect("unpoisoned").extend_from_slice(line));
        log.served(&Served {
            method: http::Method::GET,
            uri: "/a%0a\"b?token=secret".parse().unwrap_or_default(),
            status: Some(http::StatusCode::OK),
            id: Some(RequestId(http::HeaderValue::from_static("abc"))),
            bytes: 5,
            took: Duration::from_micros(1500),
            whole: true,
        });
        let text = String::from_utf8(lines.lock().expect("unpoisoned").clone()).expect("UTF-8");
        let line: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!((&line["status"], &line["request_id"]), (&200.into(), &"abc".into()));
        assert!(!text.contains("secret") && text.matches('\n').count() == 1);
    }
}
