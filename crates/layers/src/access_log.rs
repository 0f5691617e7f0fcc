//! One line of JSON for each request. Queries, headers and bodies are never in it: that is where
//! tokens and personal data travel.

use std::io::Write;
use std::sync::Arc;

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
}

impl AccessLog {
    /// Hands each line to this function, which should not block.
    pub fn new(output: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self { output: Arc::new(output), private: Routes::default() }
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
        let mut line = Vec::with_capacity(256);
        // Writing into memory cannot fail.
        let template = self.private.known(served.uri.path());
        let path = template.as_deref().unwrap_or_else(|| served.uri.path());
        let _ = write_line(&mut line, served, path);
        (self.output)(&line);
    }
}

fn write_line(line: &mut Vec<u8>, served: &Served, path: &str) -> std::io::Result<()> {
    let status = served.status.map_or(499, |status| status.as_u16());
    let level = if status >= 500 { "error" } else { "info" };
    let now = jiff::Timestamp::now();
    write!(line, "{{\"time\":\"{now:.3}\",\"level\":\"{level}\",\"message\":\"request\"")?;
    if let Some(id) = &served.id {
        write!(line, ",\"request_id\":\"{}\"", RequestId::text(id))?;
    }
    write!(line, ",\"method\":\"{}\",\"path\":", served.method)?;
    serde_json::to_writer(&mut *line, path)?;
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
        assert_eq!((&line["status"], &line["request_id"]), (&200.into(), &"abc".into()));
        assert!(!text.contains("secret") && text.matches('\n').count() == 1);
    }

    #[test]
    fn of_a_private_path_only_the_template_is_written() {
        let text = logged("/invitations/secret", &["/invitations/{token}"]);
        assert!(text.contains("/invitations/{token}") && !text.contains("secret"), "{text}");
    }
}
