//! What a document says of a claim: that it holds, that it does not yet, or nothing.

use serde::{Deserialize, Serialize};

/// What stands beside a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// It is said to hold.
    Done,
    /// It is begun, or holds with limits.
    Partly,
    /// It is said not to hold yet.
    Open,
    /// It was taken back: struck through, or said not to apply.
    Withdrawn,
}

const DONE: &[&str] = &["✅", "☑", "✔", "✓", ":white_check_mark:", ":heavy_check_mark:"];
const OPEN: &[&str] = &["❌", "✗", "✘", "⛔", "🚫", ":x:", "⬜", "☐", "🔲"];
const PARTLY: &[&str] = &["⚠", "⏳", "🚧", "🔄", "🔶", "⏸", ":warning:", "🕐"];
/// Circles are a status in a table and a priority in a heading.
const CIRCLES: &[(&str, Mark)] = &[
    ("🟢", Mark::Done),
    ("🟡", Mark::Partly),
    ("🟠", Mark::Partly),
    ("🔴", Mark::Open),
    ("⚪", Mark::Open),
];

/// Words of a status column or after `Status:`; the first that begins the text counts, so what is
/// longer stands before what is shorter.
const WORDS: &[(&str, Mark)] = &[
    ("not applicable", Mark::Withdrawn),
    ("n/a", Mark::Withdrawn),
    ("not ", Mark::Open),
    ("no ", Mark::Open),
    ("un", Mark::Open),
    ("missing", Mark::Open),
    ("todo", Mark::Open),
    ("to do", Mark::Open),
    ("to-do", Mark::Open),
    ("tbd", Mark::Open),
    ("pending", Mark::Open),
    ("planned", Mark::Open),
    ("blocked", Mark::Open),
    ("fail", Mark::Open),
    ("open", Mark::Open),
    ("using ", Mark::Open),
    ("none", Mark::Open),
    ("required", Mark::Open),
    ("needed", Mark::Open),
    ("needs ", Mark::Open),
    ("partial", Mark::Partly),
    ("in progress", Mark::Partly),
    ("in-progress", Mark::Partly),
    ("basic", Mark::Partly),
    ("generic", Mark::Partly),
    ("manual", Mark::Partly),
    ("ongoing", Mark::Partly),
    ("warning", Mark::Partly),
    ("done", Mark::Done),
    ("complete", Mark::Done),
    ("implemented", Mark::Done),
    ("verified", Mark::Done),
    ("pass", Mark::Done),
    ("ready", Mark::Done),
    ("enabled", Mark::Done),
    ("active", Mark::Done),
    ("configured", Mark::Done),
    ("resolved", Mark::Done),
    ("fixed", Mark::Done),
    ("live", Mark::Done),
    ("yes", Mark::Done),
    ("ok", Mark::Done),
    ("good", Mark::Done),
    ("excellent", Mark::Done),
    ("working", Mark::Done),
    ("operational", Mark::Done),
    // French, Portuguese, Spanish.
    ("terminé", Mark::Done),
    ("fait", Mark::Done),
    ("à faire", Mark::Open),
    ("en cours", Mark::Partly),
    ("concluíd", Mark::Done),
    ("feito", Mark::Done),
    ("implementad", Mark::Done),
    ("pronto", Mark::Done),
    ("pendente", Mark::Open),
    ("em andamento", Mark::Partly),
    ("parcial", Mark::Partly),
    ("completad", Mark::Done),
    ("completo", Mark::Done),
    ("listo", Mark::Done),
    ("hecho", Mark::Done),
    ("pendiente", Mark::Open),
    // Chinese.
    ("未", Mark::Open),
    ("待", Mark::Open),
    ("部分", Mark::Partly),
    ("进行中", Mark::Partly),
    ("已", Mark::Done),
    ("完成", Mark::Done),
    ("通过", Mark::Done),
    // Russian.
    ("не ", Mark::Open),
    ("нет", Mark::Open),
    ("частично", Mark::Partly),
    ("в процессе", Mark::Partly),
    ("готов", Mark::Done),
    ("выполнен", Mark::Done),
    ("сделан", Mark::Done),
    ("реализован", Mark::Done),
];

/// The mark of a box: `[x]`, `[ ]`, `[~]`.
pub(crate) fn of_box(inner: char) -> Option<Mark> {
    match inner {
        'x' | 'X' | '✓' | '✔' | '√' => Some(Mark::Done),
        ' ' | '\u{a0}' => Some(Mark::Open),
        '~' | '-' | '/' | '>' => Some(Mark::Partly),
        _ => None,
    }
}

/// The first sign in a text. `circles`: whether those are a status here.
pub(crate) fn sign(text: &str, circles: bool) -> Option<Mark> {
    let kinds = [(DONE, Mark::Done), (OPEN, Mark::Open), (PARTLY, Mark::Partly)];
    let signs = kinds.iter().flat_map(|(signs, mark)| signs.iter().map(|sign| (*sign, *mark)));
    let signs = signs.chain(CIRCLES.iter().copied().filter(|_| circles));
    signs
        .filter_map(|(sign, mark)| Some((text.find(sign)?, mark)))
        .min_by_key(|(at, _)| *at)
        .map(|(_, mark)| mark)
}

/// What a status says in words: `Not performed`, `DONE (2024-05)`, `95%`.
pub(crate) fn status(text: &str) -> Option<Mark> {
    if let Some(mark) = sign(text, true) {
        return Some(mark);
    }
    let plain = text.trim_matches(|c: char| !c.is_alphanumeric() && c != '/').to_lowercase();
    let plain = format!("{plain} ");
    let word = WORDS.iter().find(|(word, _)| plain.starts_with(word)).map(|(_, mark)| *mark);
    word.or_else(|| {
        percent(text).map(|percent| match percent {
            90.. => Mark::Done,
            30..90 => Mark::Partly,
            _ => Mark::Open,
        })
    })
}

/// The first percentage in a text.
pub(crate) fn percent(text: &str) -> Option<u32> {
    let at = text.find('%')?;
    let before = text[..at].trim_end_matches([' ', '*', '\u{a0}']);
    let digits = before.chars().rev().take_while(|c| c.is_ascii_digit() || *c == '.').count();
    let number = &before[before.len() - digits..];
    let whole = number.split('.').next()?;
    whole.parse().ok().filter(|percent| *percent <= 100)
}

/// Whether a text takes itself back.
pub(crate) fn is_struck(text: &str) -> bool {
    let inner = text.trim().trim_start_matches("**");
    inner.starts_with("~~") && inner.trim_end_matches(['*', ' ', '.']).ends_with("~~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_understood_in_words_signs_and_figures() {
        for (text, mark) in [
            ("**DONE** (2024)", Some(Mark::Done)),
            ("❌ Missing", Some(Mark::Open)),
            ("Not performed", Some(Mark::Open)),
            ("🟡 with caveats", Some(Mark::Partly)),
            ("95%", Some(Mark::Done)),
            ("15 %", Some(Mark::Open)),
            ("已完成", Some(Mark::Done)),
            ("не реализовано", Some(Mark::Open)),
            ("Pendente", Some(Mark::Open)),
            ("the edge", None),
        ] {
            assert_eq!(status(text), mark, "{text}");
        }
        assert_eq!(percent("about **90 %** ready"), Some(90));
        assert_eq!(percent("73.26% coverage"), Some(73));
        assert!(is_struck("~~Rate limits~~"));
    }
}
