//! Texts that come from outside, made harmless before they are escaped.

use crate::words::harmless;

/// One line; `maud` escapes it where it is put.
pub(super) fn line(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join(" ")
}

/// Lines as lines: a break within one of them is made harmless like any other control character.
pub(super) fn lines(all: &[String]) -> String {
    all.iter().map(|line| harmless(line)).collect::<Vec<_>>().join("\n")
}
