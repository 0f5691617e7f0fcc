//! Colours by what they mean. Plain unless asked for.

use anstyle::{AnsiColor, Style};
use model::{Severity, Verdict};

/// The styles of one output.
#[derive(Debug, Clone, Copy, Default)]
pub struct Styles {
    pub pass: Style,
    pub fail: Style,
    pub undecided: Style,
    pub faint: Style,
    pub strong: Style,
    pub heading: Style,
}

impl Styles {
    pub fn plain() -> Self {
        Self::default()
    }

    pub fn coloured() -> Self {
        let bold = |colour: AnsiColor| Style::new().bold().fg_color(Some(colour.into()));
        Self {
            pass: bold(AnsiColor::Green),
            fail: bold(AnsiColor::Red),
            undecided: bold(AnsiColor::Yellow),
            faint: Style::new().dimmed(),
            strong: Style::new().bold(),
            heading: Style::new().bold().underline(),
        }
    }

    pub fn verdict(&self, verdict: Verdict) -> Style {
        match verdict {
            Verdict::Pass => self.pass,
            Verdict::Fail | Verdict::Error => self.fail,
            Verdict::Inconclusive => self.undecided,
            Verdict::NotApplicable => self.faint,
        }
    }

    pub fn severity(&self, severity: Severity) -> Style {
        match severity {
            Severity::Fail => self.fail,
            Severity::Warn => self.undecided,
            Severity::Note => self.faint,
        }
    }
}

/// A text in a style.
pub fn paint(style: Style, text: &str) -> String {
    format!("{}{text}{}", style.render(), style.render_reset())
}
