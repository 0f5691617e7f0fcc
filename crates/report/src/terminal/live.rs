//! What is happening now: a status line that is redrawn on a terminal, plain lines elsewhere.

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
    /// Whether a status line stands on the terminal.
    drawn: bool,
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
            drawn: false,
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

    /// Redraws the status line, for the passing of time.
    pub fn tick(&mut self) -> String {
        let erased = self.erase();
        erased + &self.status()
    }

    /// Takes the status line away.
    pub fn erase(&mut self) -> String {
        if std::mem::take(&mut self.drawn) { "\r\u{1b}[2K".to_owned() } else { String::new() }
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

    fn status(&mut self) -> String {
        let Some(width) = self.width else { return String::new() };
        let doing = match self.running.iter().next().map(|(id, text)| (id, text.as_str())) {
            Some((id, "")) => id.clone(),
            Some((id, text)) => format!("{id}: {text}"),
            None if self.stage.is_empty() => return String::new(),
            None => self.stage.clone(),
        };
        let more = match self.running.len() {
            0 | 1 => String::new(),
            n => format!(" (and {})", count(n - 1, "other")),
        };
        let progress = match self.planned {
            0 => String::new(),
            planned => format!("{}/{planned} ", self.done),
        };
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = match left.map(|left| left.as_secs()) {
            None | Some(0) => String::new(),
            Some(seconds) => format!("about {seconds} s left · "),
        };
        let seconds = self.began.elapsed().as_secs_f64();
        self.drawn = true;
        fit(
            &format!("{:>11}s {progress}{left}{doing}{more}", format!("{seconds:.1}")),
            width.saturating_sub(1),
        )
    }
}

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
        assert_eq!(drawn.chars().count(), 29);
        assert!(live.event(&finished()).starts_with("\r\u{1b}[2KINCONCLUSIVE"));
    }
}
