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
/// Not one that is to be scrubbed, since a secret that is cut in two looks like none.
const UNENDED: Duration = Duration::from_millis(200);
/// The same for one that is as long as this, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Passes on everything that comes through a pipe, until it closes.
pub(crate) fn pump(mut pipe: File, output: Output, scrubber: Option<Scrubber>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut pending = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let waits = scrubber.is_none() && !pending.is_empty();
            if waits && !comes_within(&pipe, UNENDED) {
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
        // Another life may follow, whose first line is its own.
        output.end_line();
    })
}

fn comes_within(pipe: &File, longest: Duration) -> bool {
    let mut events = [PollFd::from_borrowed_fd(pipe.as_fd(), PollFlags::IN)];
    let timeout = Timespec::try_from(longest).ok();
    poll(&mut events, timeout.as_ref()).is_ok_and(|count| count > 0)
}

fn pass(output: &Output, scrubber: Option<&Scrubber>, bytes: &[u8]) {
    let Some(scrubber) = scrubber else { return output.pass(bytes) };
    let mut clean = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        // What is no text stays as it is.
        for part in line.utf8_chunks() {
            clean.extend_from_slice(scrubber.scrub(part.valid()).as_bytes());
            clean.extend_from_slice(part.invalid());
        }
    }
    output.pass(&clean);
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::sync::{Arc, Mutex};

    use redact::{Redactor, Style};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("unpoisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What comes out when these pieces come, with a pause between two.
    fn pumped(pieces: &[&[u8]], scrubs: bool) -> Vec<u8> {
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let written = Written::default();
        let output = Output::new(written.clone());
        let scrubber = scrubs.then(|| Scrubber::new(Redactor::default(), Style::Mask));
        let pumping = pump(File::from(OwnedFd::from(reader)), output.clone(), scrubber);
        for piece in pieces {
            writer.write_all(piece).expect("taken");
            std::thread::sleep(UNENDED * 2);
        }
        drop(writer);
        pumping.join().expect("it ends");
        output.flush(UNENDED * 10);
        let all = written.0.lock().expect("unpoisoned");
        all.clone()
    }

    #[test]
    fn a_secret_that_comes_in_two_pieces_is_found() {
        let found = pumped(&[b"mail ann.lee@exam", b"ple.com caf\xe9\nand"], true);
        assert_eq!(
            found,
            "mail \u{2039}email\u{203a} caf".bytes().chain(*b"\xe9\nand\n").collect::<Vec<_>>()
        );
        assert_eq!(pumped(&[b"50 %", b" 100 %\n"], false), b"50 % 100 %\n");
    }
}
