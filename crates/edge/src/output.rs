//! One of the edge's own streams. A thread of its own writes, so that a reader that reads no more
//! makes nobody wait but the service, whose lines may not be lost.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A stream. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Output(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Somebody waits for what waits.
    urgent: bool,
    /// What was taken is not written yet.
    writing: bool,
    /// The service has begun a line and not ended it yet.
    open: bool,
    /// Lines that found no room.
    lost: u64,
}

/// Lines of the access log wait for at most this long, so that many are written at once.
const TOGETHER: Duration = Duration::from_millis(20);
/// So many bytes are not made to wait.
const MUCH: usize = 64 * 1024;
/// More than this, in bytes, is not kept for a reader that reads no more.
const MOST: usize = 4 * 1024 * 1024;

impl Output {
    /// Writes to this stream. Its thread ends with the program.
    pub(crate) fn new(to: impl Write + Send + 'static) -> Self {
        let output = Self(Arc::default());
        let inner = Arc::clone(&output.0);
        std::thread::spawn(move || inner.write_to(to));
        output
    }

    /// Passes on what the service wrote: at once, and nothing of it is lost. Waits while the reader
    /// is behind, as the service would.
    pub(crate) fn pass(&self, lines: &[u8]) {
        let mut state = self.0.lock();
        while state.waiting.len() >= MUCH {
            state = self.0.wait(state, None);
        }
        state.open = lines.last().is_some_and(|last| *last != b'\n');
        self.0.add(&mut state, lines, true);
    }

    /// Ends a line that was begun, so that the next one does not stand within it.
    pub(crate) fn end_line(&self) {
        self.offer(b"", true);
    }

    /// Says something at once, without waiting for the reader.
    pub(crate) fn say(&self, lines: &[u8]) {
        self.offer(lines, true);
    }

    /// Says something soon, without waiting for the reader.
    pub(crate) fn say_soon(&self, lines: &[u8]) {
        self.offer(lines, false);
    }

    fn offer(&self, lines: &[u8], urgent: bool) {
        let mut state = self.0.lock();
        if state.waiting.len() + lines.len() > MOST {
            state.lost += 1;
            return;
        }
        if std::mem::take(&mut state.open) {
            self.0.add(&mut state, b"\n", urgent);
        }
        self.0.add(&mut state, lines, urgent);
    }

    /// Waits until everything is written, for no longer than this.
    pub(crate) fn flush(&self, longest: Duration) {
        let until = Instant::now() + longest;
        let mut state = self.0.lock();
        while state.writing || !state.waiting.is_empty() {
            state.urgent = true;
            self.0.changed.notify_all();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.0.wait(state, Some(left));
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        longest: Option<Duration>,
    ) -> MutexGuard<'a, State> {
        match longest {
            None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(longest) => {
                self.changed.wait_timeout(state, longest).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn add(&self, state: &mut State, lines: &[u8], urgent: bool) {
        let (first, before) = (state.waiting.is_empty(), state.presses());
        state.waiting.extend_from_slice(lines);
        state.urgent |= urgent;
        // The writer sleeps until there is something, and then until it presses.
        if first || (!before && state.presses()) {
            self.changed.notify_all();
        }
    }

    /// Writes what comes, again and again. A reader that has gone away is no reason to stop serving.
    fn write_to(&self, mut to: impl Write) {
        let mut taken = Vec::new();
        loop {
            let lost = self.take(&mut taken);
            let _ = to.write_all(&taken).and_then(|()| to.flush());
            taken.clear();
            taken.shrink_to(MUCH);
            if lost > 0 {
                let _ = to.write_all(told(lost).as_bytes()).and_then(|()| to.flush());
            }
            self.lock().writing = false;
            self.changed.notify_all();
        }
    }

    /// Waits for what there is to write; returns how many lines were lost after it.
    fn take(&self, taken: &mut Vec<u8>) -> u64 {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            state = self.wait(state, None);
        }
        let until = Instant::now() + TOGETHER;
        while !state.presses() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.wait(state, Some(left));
        }
        std::mem::swap(&mut state.waiting, taken);
        state.urgent = false;
        state.writing = true;
        // There is room again.
        self.changed.notify_all();
        std::mem::take(&mut state.lost)
    }
}

/// Says that lines were lost, as the access log would.
fn told(lost: u64) -> String {
    let now = jiff::Timestamp::now();
    let message = "lines were lost, since nobody read this output";
    format!(
        "{{\"time\":\"{now:.3}\",\"level\":\"warn\",\"message\":\"{message}\",\"lines\":{lost}}}\n"
    )
}

impl State {
    fn presses(&self) -> bool {
        self.urgent || self.waiting.len() >= MUCH
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// A reader that takes nothing until it is told to.
    struct Reader {
        begin: Receiver<()>,
        begun: bool,
        read: Sender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.begun {
                // A test that has ended wants nothing any more.
                let _ = self.begin.recv();
                self.begun = true;
            }
            let _ = self.read.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn stalled() -> (Output, Sender<()>, Receiver<Vec<u8>>) {
        let (go, begin) = channel();
        let (read, all) = channel();
        (Output::new(Reader { begin, begun: false, read }), go, all)
    }

    fn text(all: &Receiver<Vec<u8>>) -> String {
        String::from_utf8(all.try_iter().flatten().collect()).expect("UTF-8")
    }

    #[test]
    fn a_stalled_reader_makes_nobody_wait_and_learns_what_was_lost() {
        let (output, go, all) = stalled();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        output.say(b"first\n");
        while !output.0.lock().writing {
            std::thread::yield_now();
        }
        let offered = 2 * MOST / line.len();
        for _ in 0..offered {
            output.say_soon(&line);
        }
        output.say(b"the end\n");
        output.flush(Duration::from_millis(10));
        assert_eq!(text(&all), "", "nothing is read yet");
        go.send(()).expect("it waits");
        output.flush(LONG);
        let text = text(&all);
        let kept = text.lines().filter(|line| line.starts_with('x')).count();
        assert_eq!(kept, MOST / line.len());
        assert!(!text.contains("the end"), "it found no room");
        let told =
            text.lines().find_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        assert_eq!(told.expect("it is told")["lines"], offered + 1 - kept);
    }

    #[test]
    fn no_line_stands_within_another() {
        let (output, go, all) = stalled();
        go.send(()).expect("it waits");
        output.pass(b"begun");
        output.pass(b" and ended\nbegun again");
        output.say(b"said\n");
        output.end_line();
        output.pass(b"begun");
        output.end_line();
        output.flush(LONG);
        assert_eq!(text(&all), "begun and ended\nbegun again\nsaid\nbegun\n");
    }

    #[test]
    fn nothing_of_the_service_is_lost_and_the_order_is_kept() {
        let (output, go, all) = stalled();
        let passing = output.clone();
        let numbers = 0..20_000;
        let service = std::thread::spawn({
            let numbers = numbers.clone();
            move || numbers.for_each(|number| passing.pass(format!("{number}\n").as_bytes()))
        });
        go.send(()).expect("it waits");
        service.join().expect("it does not fail");
        output.flush(LONG);
        let read: Vec<u32> =
            text(&all).lines().map(|line| line.parse().expect("a number")).collect();
        assert_eq!(read, numbers.collect::<Vec<_>>());
    }
}
