//! From the words of a claim to the control that settles it, by two lists of phrases.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

/// A phrase of a list, ready to be looked for.
#[derive(Debug)]
struct Phrase {
    /// What the phrase means: a control, or why nothing can be tried.
    means: &'static str,
    parts: Vec<&'static str>,
    /// The last part ends with its word.
    whole: bool,
    /// It counts only where no other does.
    weak: bool,
    length: usize,
}

/// A list of phrases. Which of them can be in a text at all is asked once for all of them.
#[derive(Debug)]
struct List {
    phrases: Vec<Phrase>,
    /// Finds the first part of each; none where it cannot be made, and all of them are tried.
    beginnings: Option<AhoCorasick>,
}

impl List {
    fn of(text: &'static str) -> Self {
        let phrases = read(text);
        let first = phrases.iter().map(|phrase| phrase.parts.first().copied().unwrap_or("\0"));
        let beginnings = AhoCorasick::builder().match_kind(MatchKind::Standard).build(first).ok();
        Self { phrases, beginnings }
    }

    /// The phrases whose first part is in a text, in the order of the list.
    fn possible(&self, text: &str) -> Vec<&Phrase> {
        let Some(beginnings) = &self.beginnings else { return self.phrases.iter().collect() };
        let mut at: Vec<usize> = beginnings
            .find_overlapping_iter(text)
            .map(|found| found.pattern().as_usize())
            .collect();
        at.sort_unstable();
        at.dedup();
        at.into_iter().map(|at| &self.phrases[at]).collect()
    }
}

static CONTROLS: LazyLock<List> = LazyLock::new(|| List::of(include_str!("lexicon.tsv")));
static OUTSIDE: LazyLock<List> = LazyLock::new(|| List::of(include_str!("outside.tsv")));

fn read(list: &'static str) -> Vec<Phrase> {
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .filter_map(|line| {
            let (means, phrase) = line.split_once('\t')?;
            let (weak, phrase) = match phrase.strip_prefix('?') {
                Some(rest) => (true, rest),
                None => (false, phrase),
            };
            let whole = phrase.ends_with('|');
            let phrase = phrase.trim_end_matches('|');
            let parts: Vec<&str> =
                phrase.split('*').map(str::trim).filter(|p| !p.is_empty()).collect();
            let length = parts.iter().map(|part| part.chars().map(weight).sum::<usize>()).sum();
            Some(Phrase { means, parts, whole, weak, length })
        })
        .collect()
}

/// A character of a script without letters says as much as several letters.
fn weight(c: char) -> usize {
    if c as u32 >= 0x2e80 { 4 } else { 1 }
}

/// Where a phrase was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hit {
    means: &'static str,
    from: usize,
    to: usize,
    length: usize,
    weak: bool,
}

/// So many controls are taken from one text at most.
const MOST: usize = 3;
/// What stands in a title says more than what explains it, unless that is longer by this.
const TITLE: usize = 3;

/// The controls that settle a text of several sentences: of the first by its title, of each other by
/// what says most.
pub(crate) fn of_sentences(title: &str, rest: &str) -> Vec<&'static str> {
    let mut sentences = rest.split(". ");
    let mut ids = controls(title, sentences.next().unwrap_or_default());
    for sentence in sentences {
        for hit in best(&CONTROLS, sentence).into_iter().filter(|hit| !hit.weak).take(1) {
            if !ids.contains(&hit.means) {
                ids.push(hit.means);
            }
        }
    }
    ids.truncate(MOST + 1);
    ids
}

/// Whether a title names a control by itself, without the sentences around it.
pub(crate) fn names(title: &str) -> bool {
    best(&CONTROLS, title).iter().any(|hit| !hit.weak)
}

/// The controls that settle a claim. `title` is what stands before its explanation, if anything.
pub(crate) fn controls(title: &str, rest: &str) -> Vec<&'static str> {
    let (of_title, of_rest) = (best(&CONTROLS, title), best(&CONTROLS, rest));
    let longest = |hits: &[Hit]| hits.iter().map(|hit| hit.length).max().unwrap_or(0);
    let all_weak = |hits: &[Hit]| hits.iter().all(|hit| hit.weak);
    let rest_wins = !of_rest.is_empty()
        && !all_weak(&of_rest)
        && (all_weak(&of_title) || longest(&of_rest) > longest(&of_title) + TITLE);
    let chosen = match (of_title.is_empty() || rest_wins, of_rest.is_empty()) {
        (true, false) => of_rest.into_iter().take(1).collect(),
        _ => of_title,
    };
    let mut ids: Vec<&'static str> = Vec::new();
    for hit in chosen {
        if !ids.contains(&hit.means) {
            ids.push(hit.means);
        }
    }
    ids.truncate(MOST);
    ids
}

/// Why nothing can be tried of this.
pub(crate) fn outside(text: &str) -> Option<&'static str> {
    best(&OUTSIDE, text).first().map(|hit| hit.means)
}

/// The hits that do not overlap, the most telling first; weak ones only where there is no other.
fn best(list: &List, text: &str) -> Vec<Hit> {
    let text = text.to_lowercase();
    let possible = list.possible(&text).into_iter();
    let mut hits: Vec<Hit> = possible.filter_map(|phrase| find(phrase, &text)).collect();
    hits.sort_by_key(|hit| (hit.weak, std::cmp::Reverse(hit.length), hit.from));
    let mut kept: Vec<Hit> = Vec::new();
    for hit in hits {
        let overlaps = kept.iter().any(|one| hit.from < one.to && one.from < hit.to);
        let is_beaten = hit.weak && kept.iter().any(|one| !one.weak);
        if !overlaps && !is_beaten {
            kept.push(hit);
        }
    }
    kept
}

fn find(phrase: &Phrase, text: &str) -> Option<Hit> {
    let first = phrase.parts.first()?;
    let mut after = 0;
    while let Some(at) = text[after..].find(first).map(|at| at + after) {
        after = at + first.len();
        if !begins_a_word(text, at) {
            continue;
        }
        let rest = phrase.parts[1..]
            .iter()
            .try_fold(after, |from, part| text[from..].find(part).map(|at| from + at + part.len()));
        let Some(to) = rest else { continue };
        if phrase.whole && !ends_a_word(text, to) {
            continue;
        }
        let Phrase { means, length, weak, .. } = phrase;
        return Some(Hit { means, from: at, to, length: *length, weak: *weak });
    }
    None
}

fn begins_a_word(text: &str, at: usize) -> bool {
    let begins_plain = text[at..].chars().next().is_some_and(char::is_alphanumeric);
    let before = text[..at].chars().next_back();
    // Scripts without spaces have no beginnings.
    !begins_plain || !before.is_some_and(|c| c.is_alphanumeric() && (c as u32) < 0x2e80)
}

fn ends_a_word(text: &str, to: usize) -> bool {
    !text[to..].chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_phrase_wins() {
        assert_eq!(controls("CORS and rate limiting configured", ""), ["rate-limits", "cors"]);
        assert_eq!(controls("No Fallback Secrets", "Production requires all secrets"), ["secrets"]);
        assert_eq!(
            controls("Unified Authentication", "Both HTTP and WebSocket"),
            ["websocket-auth"]
        );
        assert_eq!(controls("JWT secret rotation", "update it"), ["secret-rotation"]);
        assert_eq!(controls("在生产环境中使用环境变量", ""), ["environment"]);
        assert!(controls("The encore", "").is_empty());
    }

    #[test]
    fn every_phrase_belongs_to_a_word_of_the_list() {
        assert!(CONTROLS.phrases.len() > 500);
        let wrong: Vec<_> =
            CONTROLS.phrases.iter().filter(|p| p.parts.is_empty() || p.length < 2).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
