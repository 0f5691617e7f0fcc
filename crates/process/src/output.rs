//! Capturing what a process writes, line by line, without letting it fill the memory.

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// Something that was captured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Text {
        stream: Stream,
        at: Instant,
        text: String,
    },
    /// Bytes beyond what is kept.
    Dropped {
        bytes: u64,
    },
}

/// The longest line that is kept, in bytes; the rest of it is dropped and counted.
pub const LONGEST_LINE: usize = 16 * 1024;
/// How much of a stream is kept at once, in bytes.
pub const KEPT: usize = 512 * 1024;
/// How much more may be kept with each second: noise at the start must not hide what comes later.
const MORE_EACH_SECOND: usize = 128 * 1024;

pub(crate) type Sink = Arc<dyn Fn(Line) + Send + Sync>;

/// Reads until the end of the stream.
pub(crate) async fn pump(mut pipe: impl AsyncRead + Unpin, stream: Stream, sink: Sink) {
    let mut splitter = Splitter::default();
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
        let at = Instant::now();
        splitter.refill(at);
        splitter.feed(&buffer[..count], |text| sink(Line::Text { stream, at, text }));
        let dropped = splitter.take_dropped();
        if dropped > 0 {
            sink(Line::Dropped { bytes: dropped });
        }
    }
    let at = Instant::now();
    splitter.finish(|text| sink(Line::Text { stream, at, text }));
    let dropped = splitter.take_dropped();
    if dropped > 0 {
        sink(Line::Dropped { bytes: dropped });
    }
}

/// Cuts what is written into lines, as far as it is kept.
#[derive(Debug, Default)]
pub struct Splitter {
    pending: Vec<u8>,
    kept: usize,
    dropped: u64,
    refilled: Option<Instant>,
}

impl Splitter {
    pub fn feed(&mut self, mut bytes: &[u8], mut emit: impl FnMut(String)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.append(&bytes[..end]);
            self.emit(&mut emit);
            bytes = &bytes[end + 1..];
        }
        self.append(bytes);
    }

    /// What is left is a line too.
    pub fn finish(&mut self, mut emit: impl FnMut(String)) {
        if !self.pending.is_empty() {
            self.emit(&mut emit);
        }
    }

    /// Allows more to be kept, by the time that passed.
    pub fn refill(&mut self, now: Instant) {
        let passed = self.refilled.replace(now).map_or(0.0, |then| (now - then).as_secs_f64());
        let more = (passed * MORE_EACH_SECOND as f64) as usize;
        self.kept = self.kept.saturating_sub(more);
    }

    /// How many bytes were not kept since it was last asked.
    pub fn take_dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    fn append(&mut self, bytes: &[u8]) {
        let room = LONGEST_LINE.saturating_sub(self.pending.len()).min(KEPT - self.kept);
        let take = bytes.len().min(room);
        self.pending.extend_from_slice(&bytes[..take]);
        self.kept += take;
        self.dropped += (bytes.len() - take) as u64;
    }

    fn emit(&mut self, emit: &mut impl FnMut(String)) {
        let full = self.kept >= KEPT && self.pending.is_empty();
        let text = String::from_utf8_lossy(&self.pending);
        if !full {
            emit(text.trim_end_matches('\r').to_owned());
        }
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> (Vec<String>, u64) {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.feed(chunk, |line| lines.push(line));
        }
        splitter.finish(|line| lines.push(line));
        (lines, splitter.take_dropped())
    }

    #[test]
    fn noise_at_the_start_does_not_hide_what_comes_later() {
        use std::time::Duration;
        let (mut splitter, mut lines, start) = (Splitter::default(), Vec::new(), Instant::now());
        let noise = format!("{}\n", "x".repeat(1000)).repeat(2000);
        splitter.refill(start);
        splitter.feed(noise.as_bytes(), |line| lines.push(line));
        assert!(splitter.take_dropped() > 0);
        splitter.refill(start + Duration::from_secs(1));
        splitter.feed(b"GET /orders 200\n", |line| lines.push(line));
        assert_eq!(lines.last().map(String::as_str), Some("GET /orders 200"));
        assert_eq!(splitter.take_dropped(), 0);
    }

    #[test]
    fn lines_are_whole_over_chunk_borders() {
        let (lines, dropped) = lines(&[b"one\r\ntw", b"o\n\nlast"]);
        assert_eq!(lines, ["one", "two", "", "last"]);
        assert_eq!(dropped, 0);
    }

    #[test]
    fn megabytes_are_counted_and_dropped() {
        let long = vec![b'x'; LONGEST_LINE + 10];
        let (kept, dropped) = lines(&[&long, b"\nend\n"]);
        assert_eq!((kept.len(), dropped), (2, 10));
        let flood = b"0123456789\n".repeat(200_000);
        let (kept, dropped) = lines(&[&flood]);
        assert_eq!(kept.iter().map(String::len).sum::<usize>(), KEPT);
        assert_eq!(dropped, 2_000_000 - KEPT as u64);
    }
}
