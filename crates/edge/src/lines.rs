//! What the service writes goes on, line by line: scrubbed where that is supplied, whole, in order
//! and at once. The access log takes the same way, so that no line stands within another.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::thread::JoinHandle;
use std::time::Duration;

use redact::Scrubber;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::output::Output;

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
    let Some(scrubber) = scrubber else { return output.pass(bytes) };
    let text = String::from_utf8_lossy(bytes);
    let clean: String = text.split_inclusive('\n').map(|line| scrubber.scrub(line)).collect();
    output.pass(clean.as_bytes());
}
