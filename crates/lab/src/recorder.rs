//! Writing observations down as they are made, masked, on one clock.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use model::{Observation, Seen};
use redact::Redactor;

/// Collects the observations of one experiment. Clones share them.
#[derive(Debug, Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    zero: Instant,
    redactor: Redactor,
    /// How many secrets were known when this began.
    known_at_first: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    observations: Vec<Observation>,
    file: Option<BufWriter<File>>,
}

impl Recorder {
    /// `zero` is the moment from which all experiments of a run count.
    pub fn new(zero: Instant, redactor: Redactor, file: Option<File>) -> Self {
        let kept = Kept { observations: Vec::new(), file: file.map(BufWriter::new) };
        let known_at_first = redactor.known();
        let kept = Mutex::new(kept);
        Self { inner: Arc::new(Inner { zero, redactor, known_at_first, kept }) }
    }

    /// A try within the experiment.
    pub fn trial(&self, name: &str) -> TrialLog {
        TrialLog { recorder: self.clone(), name: name.into() }
    }

    /// A recorder on the same clock, with the same secrets, that keeps what it is told apart.
    pub fn apart(&self) -> Self {
        Self::new(self.inner.zero, self.inner.redactor.clone(), None)
    }

    /// Takes over what was recorded elsewhere on the same clock.
    pub fn take_over(&self, observations: &[Observation]) {
        observations.iter().for_each(|observation| self.keep(observation.clone()));
    }

    pub fn redactor(&self) -> &Redactor {
        &self.inner.redactor
    }

    fn record(&self, at: Instant, trial: &str, seen: Seen) {
        let micros = at.saturating_duration_since(self.inner.zero).as_micros();
        let at = u64::try_from(micros).unwrap_or(u64::MAX);
        self.keep(Observation { at, trial: trial.to_owned(), seen });
    }

    fn keep(&self, observation: Observation) {
        let observation = self.masked(observation);
        let mut kept = self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &mut kept.file
            && let Ok(line) = serde_json::to_string(&observation)
        {
            // A full disk is noticed when the run is finished; the judgement has its own copy.
            let _ = writeln!(file, "{line}");
        }
        kept.observations.push(observation);
    }

    /// Masking goes over every text, so that no kind of observation can be forgotten.
    fn masked(&self, observation: Observation) -> Observation {
        let Ok(mut value) = serde_json::to_value(&observation) else { return observation };
        self.inner.redactor.mask_json(&mut value);
        serde_json::from_value(value).unwrap_or(observation)
    }

    /// Whether a line of the service's output in this trial holds a text.
    fn has_written(&self, trial: &str, text: &str) -> bool {
        let kept = self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.observations.iter().any(|observation| {
            let Seen::Output { line, .. } = &observation.seen else { return false };
            observation.trial == trial && line.contains(text)
        })
    }

    /// Everything so far, in the order of time, flushed to the file. What was written down before a
    /// secret was known is masked anew: a service may print a token before its answer is read.
    ///
    /// # Errors
    /// When the file could not be written.
    pub fn finish(&self) -> std::io::Result<Vec<Observation>> {
        let mut kept = self.inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { observations, file } = &mut *kept;
        if self.inner.redactor.known() > self.inner.known_at_first {
            for observation in observations.iter_mut() {
                *observation = self.masked(observation.clone());
            }
            if let Some(file) = file {
                file.flush()?;
                file.get_mut().set_len(0)?;
                file.rewind()?;
                for observation in observations.iter() {
                    writeln!(file, "{}", serde_json::to_string(observation)?)?;
                }
            }
        }
        if let Some(file) = file {
            file.flush()?;
        }
        let mut all = observations.clone();
        all.sort_by_key(|observation| observation.at);
        Ok(all)
    }
}

/// A try within an experiment: a name that its observations carry. Clones are the same log.
#[derive(Debug, Clone)]
pub struct TrialLog {
    recorder: Recorder,
    name: Arc<str>,
}

impl TrialLog {
    pub fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub fn redactor(&self) -> &Redactor {
        &self.recorder.inner.redactor
    }

    /// Waits until the service has written a line with this text in this trial. Whether it did.
    pub async fn wait_for_output(&self, text: &str, longest: std::time::Duration) -> bool {
        let deadline = Instant::now() + longest;
        while !self.has_written(text) {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        true
    }

    fn has_written(&self, text: &str) -> bool {
        self.recorder.has_written(&self.name, text)
    }

    /// Records what was seen just now.
    pub fn saw(&self, seen: Seen) {
        self.saw_at(Instant::now(), seen);
    }

    /// Records what was seen at an earlier moment.
    pub fn saw_at(&self, at: Instant, seen: Seen) {
        self.recorder.record(at, &self.name, seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_before_its_secret_was_known_is_masked_in_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seen.ndjson");
        let file = File::create(&path).expect("it can be made");
        let redactor = Redactor::default();
        let recorder = Recorder::new(Instant::now(), redactor.clone(), Some(file));
        let trial = recorder.trial("t");
        trial.saw(Seen::Remark { text: "token t0k3n-value".into() });
        redactor.learn("token", "t0k3n-value");
        trial.saw(Seen::Remark { text: "after".into() });
        let all = recorder.finish().expect("it is written");
        assert_eq!(all[0].seen, Seen::Remark { text: "token ‹token›".into() });
        let text = std::fs::read_to_string(&path).expect("it is there");
        assert!(text.contains("‹token›") && !text.contains("t0k3n"), "{text}");
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn what_is_recorded_is_masked_and_in_order() {
        let redactor = Redactor::default();
        redactor.learn("KEY", "s3cret-value");
        let recorder = Recorder::new(Instant::now(), redactor, None);
        let trial = recorder.trial("t");
        let later = Instant::now() + std::time::Duration::from_secs(1);
        trial.saw_at(later, Seen::Remark { text: "later".into() });
        trial.saw(Seen::Remark { text: "has s3cret-value".into() });
        let all = recorder.finish().expect("there is no file");
        assert_eq!(all[0].seen, Seen::Remark { text: "has ‹KEY›".into() });
        assert_eq!(all[1].seen, Seen::Remark { text: "later".into() });
    }
}
