//! What is happening now: a line for each control at work, redrawn on a terminal; plain lines
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use model::{Event, Row, Verdict};

use crate::style::{Styles, paint};
use crate::words::{count, fit, label};

/// Turns events into text for stderr.
#[derive(Debug)]
pub struct Live {
    styles: Styles,
    /// The width of the terminal; without one, nothing is redrawn.
    width: Option<usize>,
    began: Instant,
    running: BTreeMap<String, String>,
    done: usize,
    planned: usize,
    /// When it is likely to be over.
    until: Option<Instant>,
    stage: String,
    /// Why controls were undecided, as far as it was told.
    told: BTreeSet<String>,
    /// How many lines of status stand on the terminal.
    drawn: usize,
}

impl Live {
    pub fn new(styles: Styles, width: Option<usize>) -> Self {
        Self {
            styles,
            width,
            began: Instant::now(),
            running: BTreeMap::new(),
            done: 0,
            planned: 0,
            until: None,
            stage: String::new(),
            told: BTreeSet::new(),
            drawn: 0,
        }
    }

    /// The text to write for an event.
    pub fn event(&mut self, event: &Event) -> String {
        let line = match event {
            Event::Stage { text } => self.stage(text),
            Event::Planned { controls, seconds } => {
                self.planned = controls.len();
                self.until = Some(Instant::now() + Duration::from_secs_f64(seconds.max(0.0)));
                self.stage.clear();
                None
            }
            Event::ExperimentStarted { control } => {
                self.running.insert(control.clone(), String::new());
                None
            }
            Event::Progress { control, text } => {
                self.running.insert(control.clone(), text.clone());
                None
            }
            Event::ExperimentFinished { row } => {
                self.running.remove(&row.id);
                self.done += 1;
                Some(self.finished(row))
            }
            Event::Finished { .. } => {
                self.stage.clear();
                self.running.clear();
                None
            }
        };
        let mut text = self.erase();
        if let Some(line) = line {
            text.push_str(&line);
            text.push('\n');
        }
        text + &self.status()
    }

    /// Redraws the status, for the passing of time.
    pub fn tick(&mut self) -> String {
        let erased = self.erase();
        erased + &self.status()
    }

    /// Takes the status away: the cursor stands on its last line.
    pub fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\r\u{1b}[2K{}", "\u{1b}[1A\u{1b}[2K".repeat(lines - 1)),
        }
    }

    /// Without a terminal each stage is a line, the lines of a build left out.
    fn stage(&mut self, text: &str) -> Option<String> {
        let kind = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
        let is_new = kind(&self.stage) != kind(text) || !text.starts_with("building");
        self.stage = text.to_owned();
        (self.width.is_none() && is_new).then(|| format!("{:>12} {text}", "·"))
    }

    fn finished(&mut self, row: &Row) -> String {
        let verdict =
            paint(self.styles.verdict(row.verdict), &format!("{:>12}", label(row.verdict)));
        let time = paint(self.styles.faint, &format!("[{:>6.2}s]", row.seconds));
        let id = paint(self.styles.strong, &format!("{:<20}", row.id));
        let undecided = row.verdict == Verdict::Inconclusive;
        let summary = match row.verdict {
            _ if undecided && !self.told.insert(row.summary.clone()) => {
                paint(self.styles.faint, "for the same reason")
            }
            Verdict::Pass | Verdict::NotApplicable => paint(self.styles.faint, &row.summary),
            _ => row.summary.clone(),
        };
        format!("{verdict} {time} {id} {summary}")
    }

    /// How far it is, and a line for each control at work.
    fn status(&mut self) -> String {
        let Some(width) = self.width else { return String::new() };
        if self.running.is_empty() && self.stage.is_empty() {
            return String::new();
        }
        let mut lines = vec![self.progress()];
        for (id, text) in self.running.iter().take(MOST_LINES) {
            lines.push(format!("{:>12} {id:<20} {text}", "·").trim_end().to_owned());
        }
        if self.running.len() > MOST_LINES {
            let more = count(self.running.len() - MOST_LINES, "more control");
            lines.push(format!("{:>12} {more}", "·"));
        }
        self.drawn = lines.len();
        let fitted: Vec<_> = lines.iter().map(|line| fit(line, width.saturating_sub(1))).collect();
        fitted.join("\n")
    }

    fn progress(&self) -> String {
        let seconds = format!("{:.1}s", self.began.elapsed().as_secs_f64());
        let mut parts = Vec::new();
        if self.planned > 0 {
            parts.push(format!("{} of {} tried", self.done, self.planned));
        }
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        if let Some(seconds) = left.map(|left| left.as_secs()).filter(|seconds| *seconds > 0) {
            parts.push(format!("about {seconds} s left"));
        }
        if !self.stage.is_empty() {
            parts.push(self.stage.clone());
        }
        format!("{seconds:>12} {}", parts.join(" · "))
    }
}

/// More controls at work than these are counted.
const MOST_LINES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use model::Judgement;

    fn finished() -> Event {
        let row = Row::new("startup", Judgement::inconclusive("why"), 1.0);
        Event::ExperimentFinished { row: Box::new(row) }
    }

    #[test]
    fn without_a_terminal_nothing_is_redrawn() {
        let mut live = Live::new(Styles::plain(), None);
        assert_eq!(
            live.event(&Event::Stage { text: "starting x".into() }),
            "           · starting x\n"
        );
        assert_eq!(
            live.event(&Event::Progress { control: "startup".into(), text: "a".into() }),
            ""
        );
        let line = live.event(&finished());
        assert_eq!(line, "INCONCLUSIVE [  1.00s] startup              why\n");
        assert_eq!(live.tick(), "");
    }

    #[test]
    fn on_a_terminal_the_status_line_makes_room() {
        let mut live = Live::new(Styles::plain(), Some(30));
        let drawn =
            live.event(&Event::Progress { control: "startup".into(), text: "a".repeat(90) });
        let lines: Vec<_> = drawn.lines().collect();
        assert_eq!(lines.len(), 2, "how far it is, and what the control does");
        assert_eq!(lines[1].chars().count(), 29);
        let erased = "\r\u{1b}[2K\u{1b}[1A\u{1b}[2KINCONCLUSIVE";
        assert!(live.event(&finished()).starts_with(erased));
    }
}
