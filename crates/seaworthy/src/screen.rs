//! The only place that writes: data to stdout, everything else to stderr.

use std::io::{IsTerminal, Write};

use report::Styles;

/// Writes data. A reader that has gone away is no error of ours.
pub(crate) fn data(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a message or progress.
pub(crate) fn message(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The width of the terminal behind stderr, if there is one.
pub(crate) fn width() -> Option<usize> {
    if !std::io::stderr().is_terminal() || std::env::var_os("CI").is_some() {
        return None;
    }
    terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0))
}

/// Colours for a stream, by what it is and by the usual variables (NO_COLOR, CLICOLOR_FORCE).
pub(crate) fn styles(stream: &impl anstream::stream::RawStream) -> Styles {
    match anstream::AutoStream::choice(stream) {
        anstream::ColorChoice::Never => Styles::plain(),
        _ => Styles::coloured(),
    }
}

pub(crate) fn stdout_styles() -> Styles {
    styles(&std::io::stdout())
}

pub(crate) fn stderr_styles() -> Styles {
    styles(&std::io::stderr())
}
