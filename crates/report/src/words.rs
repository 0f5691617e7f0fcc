//! Numbers and words for people.

use model::account::Group;
use model::{Scorecard, Verdict};

/// `1 control`, `2 controls`.
pub fn count(number: usize, singular: &str) -> String {
    match number {
        1 => format!("1 {singular}"),
        n => format!("{n} {singular}s"),
    }
}

/// A verdict in at most twelve letters, for a column.
pub fn label(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "PASS",
        Verdict::Fail => "FAIL",
        Verdict::Inconclusive => "INCONCLUSIVE",
        Verdict::NotApplicable => "N/A",
        Verdict::Error => "ERROR",
    }
}

/// What the edge changed, where one stood before the service, or could change.
pub(crate) fn through_the_edge(card: &Scorecard) -> Option<String> {
    let alone: Vec<Verdict> = card.controls.iter().filter_map(|row| row.without_edge).collect();
    if !alone.is_empty() {
        let with = |verdict| alone.iter().filter(|one| **one == verdict).count();
        let (passed, failed) = (with(Verdict::Pass), with(Verdict::Fail));
        return Some(format!(
            "through the edge; the service alone: {passed} passed, {failed} failed"
        ));
    }
    let could: Vec<_> = card.controls.iter().filter(|row| row.supply.is_some()).collect();
    if could.is_empty() {
        return None;
    }
    let ids: Vec<_> = could.iter().map(|row| row.id.as_str()).collect();
    Some(format!(
        "seaworthy run, in front of the service, can mend {} of these without a change to it: {} \
         (seaworthy supply --suggest prints the lines for the manifest)",
        ids.len(),
        ids.join(", ")
    ))
}

/// Breaks a text into lines of at most `width` characters, at spaces where there are any.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let longer = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && longer > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// Shortens to `width` characters, control characters made harmless.
pub fn fit(text: &str, width: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() <= width {
        return clean;
    }
    clean.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A line of a service's output without terminal sequences, so that it cannot repaint ours.
pub fn harmless(line: &str) -> String {
    let mut clean = String::new();
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.peek() == Some(&'[') {
                chars.next();
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
        } else if c == '\t' {
            clean.push_str("    ");
        } else if !c.is_control() {
            clean.push(c);
        }
    }
    clean
}

/// What was tried, group by group: `hostile origins: 48 of 48; declared origins: 4 of 4`.
pub(crate) fn account(groups: &[Group]) -> String {
    groups.iter().filter(|group| group.planned > 0).map(Group::words).collect::<Vec<_>>().join("; ")
}

/// All groups in a few words: `tried 52 of 52`; nothing where nothing was counted.
pub(crate) fn tried(groups: &[Group]) -> Option<String> {
    let sum = |pick: fn(&Group) -> u32| groups.iter().map(pick).sum::<u32>();
    let (planned, landed) = (sum(|group| group.planned), sum(|group| group.landed));
    (planned > 0).then(|| format!("tried {landed} of {planned}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_wrapped_and_fitted() {
        assert_eq!(wrap("aa bb cc", 5), ["aa bb", "cc"]);
        assert_eq!(wrap("longword x", 4), ["longword", "x"]);
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit("a\nb", 4), "a b");
        assert_eq!(count(1, "control"), "1 control");
        assert_eq!(count(0, "control"), "0 controls");
    }

    #[test]
    fn terminal_sequences_are_taken_out() {
        assert_eq!(harmless("\u{1b}[31mred\u{1b}[0m\u{7}\tx"), "red    x");
        assert_eq!(harmless("\u{1b}"), "");
    }
}
