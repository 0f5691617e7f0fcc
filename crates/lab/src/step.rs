//! Commands that prepare: build, set-up, reset. They must end with 0.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use process::{Launch, Line, Process};

use crate::error::LabError;
use crate::place::Place;

/// How many lines of its output a failed step shows.
const SHOWN: usize = 30;

/// Runs a command to its end; `step` says what it is for. Its folder is the launcher's to choose.
///
/// # Errors
/// When it cannot be started, does not end in time, or ends with another code than 0.
pub async fn run(
    step: &'static str,
    argv: Vec<String>,
    place: &Place,
    env: Vec<(String, String)>,
    longest: Duration,
    told: impl Fn(&str) + Send + Sync + 'static,
) -> Result<(), LabError> {
    let command = argv.join(" ");
    let lines = Arc::new(Mutex::new(VecDeque::new()));
    let kept = Arc::clone(&lines);
    let folder = place.record().folder().to_owned();
    let launch = Launch { argv, folder, env, user: None, nice: 0, mark: place.mark() };
    let failed = |outcome: String| {
        let lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        let output: Vec<String> = lines.iter().cloned().collect();
        LabError::StepFailed { step, command: command.clone(), outcome, output: output.join("\n") }
    };
    let mut process = Process::start(&launch, place.record(), move |line| {
        if let Line::Text { text, .. } = line {
            told(&text);
            let mut lines = kept.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push_back(text);
            if lines.len() > SHOWN {
                lines.pop_front();
            }
        }
    })
    .map_err(|error| failed(format!("it cannot be started: {error}")))?;
    let exit = process.wait_for(longest).await;
    process.drain(Duration::from_secs(1)).await;
    process.end().await;
    match exit {
        Some(exit) if exit.code == Some(0) => Ok(()),
        Some(exit) => Err(failed(match (exit.code, exit.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("signal {}", signal.unwrap_or_default()),
        })),
        None => Err(failed(format!("no end within {longest:?}"))),
    }
}
