//! Following the file that a service logs to beside its output, as if it were output.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::time::Instant;

use model::Seen;
use model::observation::Stream;
use process::output::Splitter;

use crate::recorder::TrialLog;

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(20);

/// Reads what is added to the file, until it is dropped.
#[derive(Debug)]
pub(crate) struct Follower {
    tail: Arc<Mutex<Tail>>,
}

impl Follower {
    /// Begins after what is already there. `*` in the name stands for what differs from day to day.
    pub(crate) fn start(path: &Path, trial: &TrialLog) -> Self {
        let mut tail = Tail { path: path.to_owned(), files: BTreeMap::new(), trial: trial.clone() };
        for path in matching(path) {
            let read = std::fs::metadata(&path).map_or(0, |file| file.len());
            tail.files.insert(path, ReadOffset { read, splitter: Splitter::default() });
        }
        let tail = Arc::new(Mutex::new(tail));
        let held = Arc::downgrade(&tail);
        tokio::spawn(async move {
            while let Some(tail) = held.upgrade() {
                tail.lock().unwrap_or_else(PoisonError::into_inner).read();
                drop(tail);
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { tail }
    }

    /// Reads what is there, with a last line that is not ended, when nobody writes any more.
    pub(crate) fn finish(&self) {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.read();
        tail.finish();
    }
}

#[derive(Debug)]
struct Tail {
    path: PathBuf,
    files: BTreeMap<PathBuf, ReadOffset>,
    trial: TrialLog,
}

/// How far a file was read.
#[derive(Debug, Default)]
struct ReadOffset {
    read: u64,
    splitter: Splitter,
}

impl Tail {
    fn read(&mut self) {
        for path in matching(&self.path) {
            let place = self.files.entry(path.clone()).or_default();
            let Ok(mut file) = File::open(&path) else { continue };
            let length = file.metadata().map_or(0, |file| file.len());
            if length < place.read {
                // It was cut or begun anew.
                place.read = 0;
            }
            if length == place.read || file.seek(SeekFrom::Start(place.read)).is_err() {
                continue;
            }
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = file.read(&mut buffer) {
                place.read += count as u64;
                place.splitter.refill(Instant::now());
                place.splitter.feed(&buffer[..count], |line| saw(&self.trial, line));
            }
        }
    }

    fn finish(&mut self) {
        for place in std::mem::take(&mut self.files).values_mut() {
            place.splitter.finish(|line| saw(&self.trial, line));
            let bytes = place.splitter.take_dropped();
            if bytes > 0 {
                self.trial.saw(Seen::OutputDropped { bytes });
            }
        }
        // Nothing is read twice.
        self.path = PathBuf::new();
    }
}

/// The file, or those that fit its pattern.
pub(crate) fn matching(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (Some((before, after)), Some(folder)) = (name.split_once('*'), path.parent()) else {
        return vec![path.to_owned()];
    };
    let fits = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(before).is_some_and(|rest| rest.ends_with(after))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(fits).collect()
}

fn saw(trial: &TrialLog, line: String) {
    trial.saw(Seen::Output { stream: Stream::LogFile, line });
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::recorder::Recorder;
    use redact::Redactor;

    fn written(recorder: &Recorder) -> Vec<String> {
        let all = recorder.finish().expect("there is no file");
        let lines = all.into_iter().filter_map(|observation| match observation.seen {
            Seen::Output { stream: Stream::LogFile, line } => Some(line),
            _ => None,
        });
        lines.collect()
    }

    #[tokio::test]
    async fn what_is_added_is_seen_and_what_was_there_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.log");
        std::fs::write(&path, "from yesterday\n").expect("it is written");
        let recorder = Recorder::new(Instant::now(), Redactor::default(), None);
        let trial = recorder.trial("a");
        let follower = Follower::start(&path, &trial);
        std::fs::write(&path, "from yesterday\nhello\nhalf").expect("it is written");
        assert!(trial.wait_for_output("hello", Duration::from_secs(10)).await);
        follower.finish();
        assert_eq!(written(&recorder), ["hello", "half"]);
    }

    #[tokio::test]
    async fn a_star_stands_for_the_day_and_a_cut_file_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().expect("a folder");
        let recorder = Recorder::new(Instant::now(), Redactor::default(), None);
        let trial = recorder.trial("a");
        let follower = Follower::start(&folder.path().join("app.*.log"), &trial);
        let path = folder.path().join("app.2026-01-01.log");
        std::fs::write(folder.path().join("other.log"), "not this\n").expect("it is written");
        std::fs::write(&path, "a longer line\n").expect("it is written");
        assert!(trial.wait_for_output("longer", Duration::from_secs(10)).await);
        std::fs::write(&path, "short\n").expect("it is written");
        assert!(trial.wait_for_output("short", Duration::from_secs(10)).await);
        follower.finish();
        assert_eq!(written(&recorder), ["a longer line", "short"]);
    }
}
