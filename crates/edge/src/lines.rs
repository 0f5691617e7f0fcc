//! What the service writes goes on, line by line: scrubbed where that is supplied, whole, in order
//! and at once. The access log takes the same way, so that no line stands within another.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use redact::Scrubber;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// One of the edge's own streams.
#[derive(Debug, Clone)]
pub(crate) struct Output(Arc<Mutex<Buffered>>);

#[derive(Debug)]
struct Buffered {
    to: Stream,
    waiting: Vec<u8>,
}

/// Where lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Lines of the access log wait for at most this long, so that many are written at once.
const TOGETHER: Duration = Duration::from_millis(20);
/// So many bytes are not made to wait.
const MUCH: usize = 64 * 1024;

impl Output {
    pub(crate) fn new(to: Stream) -> Self {
        Self(Arc::new(Mutex::new(Buffered { to, waiting: Vec::new() })))
    }

    /// Writes whole lines at once. A reader that has gone away is no reason to stop serving.
    pub(crate) fn write(&self, lines: &[u8]) {
        let mut buffered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffered.waiting.extend_from_slice(lines);
        buffered.flush();
    }

    /// Writes lines soon.
    pub(crate) fn write_soon(&self, lines: &[u8]) {
        let mut buffered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffered.waiting.extend_from_slice(lines);
        if buffered.waiting.len() >= MUCH {
            buffered.flush();
        }
    }

    /// Writes what waits.
    pub(crate) fn flush(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush();
    }

    /// Writes what waits, again and again.
    pub(crate) async fn keep_flushing(self) {
        loop {
            tokio::time::sleep(TOGETHER).await;
            self.flush();
        }
    }
}

impl Buffered {
    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let _ = match self.to {
            Stream::Stdout => all(&mut io::stdout().lock(), &self.waiting),
            Stream::Stderr => all(&mut io::stderr().lock(), &self.waiting),
        };
        self.waiting.clear();
        self.waiting.shrink_to(MUCH);
    }
}

fn all(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes).and_then(|()| out.flush())
}

/// A line that has not ended by then is passed on without its end: somebody may be waiting for it.
const UNENDED: Duration = Duration::from_millis(200);
/// The same for one that is as long as this, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Passes on everything that comes through a pipe, until it closes.
pub(crate) fn pump(mut pipe: File, output: Output, scrubber: Option<Scrubber>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut pending = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if !pending.is_empty() && !comes_within(&pipe, UNENDED) {
                pass(&output, scrubber.as_ref(), &pending);
                pending.clear();
            }
            match pipe.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => pending.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
            let end = match pending.iter().rposition(|byte| *byte == b'\n') {
                Some(at) => at + 1,
                None if pending.len() >= LONGEST => pending.len(),
                None => continue,
            };
            pass(&output, scrubber.as_ref(), &pending[..end]);
            pending.drain(..end);
        }
        if !pending.is_empty() {
            pass(&output, scrubber.as_ref(), &pending);
        }
    })
}

fn comes_within(pipe: &File, longest: Duration) -> bool {
    let mut events = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
    let timeout = Timespec::try_from(longest).ok();
    poll(&mut events, timeout.as_ref()).is_ok_and(|count| count > 0)
}

fn pass(output: &Output, scrubber: Option<&Scrubber>, bytes: &[u8]) {
    let Some(scrubber) = scrubber else { return output.write(bytes) };
    let text = String::from_utf8_lossy(bytes);
    let clean: String = text.split_inclusive('\n').map(|line| scrubber.scrub(line)).collect();
    output.write(clean.as_bytes());
}
