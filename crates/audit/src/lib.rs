//! Reads a readiness document as teams write it, and maps each claim to the control that settles it.
//!
//! It goes by words and structure alone: the same document gives the same claims. Nothing is dropped
//! silently: what carries a mark and belongs to no control is a claim without one.

mod lexicon;
mod mark;
mod mojibake;
mod outline;

use std::sync::LazyLock;

use regex_lite::Regex;

pub use mark::Mark;
use outline::{Item, Kind, Outline, outline};

/// A statement about the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The line on which it stands, from 1.
    pub line: usize,
    pub text: String,
    /// The control that settles it.
    pub settled_by: Settled,
    /// What the document says of it; nothing, where it only speaks of it.
    pub mark: Option<Mark>,
    /// Figures that it names: `p95 < 200 ms`.
    pub thresholds: Vec<String>,
}

/// What settles a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    By(&'static str),
    /// Nothing that can be tried, for this reason.
    Outside(&'static str),
    /// No control that is known here.
    Unknown,
}

impl Claim {
    /// Whether the document says that it holds: it is ticked, or simply stated.
    pub fn is_claimed(&self) -> bool {
        match self.mark {
            Some(mark) => mark == Mark::Done,
            None => !denies(&self.text),
        }
    }
}

/// What a document says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub claims: Vec<Claim>,
    /// How ready it says that the service is, in percent.
    pub percent: Option<u32>,
}

/// Words that state that something is not so, or not yet.
const DENIALS: [&str; 14] = [
    "not yet",
    "no longer",
    "missing",
    "todo",
    "planned",
    "to be ",
    "should be added",
    "not implemented",
    "not configured",
    "not enforced",
    "next:",
    "future",
    "mock only",
    "needs ",
];

/// What is asked for is not there yet.
const REQUESTS: [&str; 8] =
    ["configure ", "set up ", "write ", "add ", "create ", "implement ", "enable ", "optimize "];

fn denies(text: &str) -> bool {
    let text = text.to_lowercase();
    let is_asked_for = REQUESTS.iter().any(|word| text.starts_with(word));
    is_asked_for || DENIALS.iter().any(|word| text.contains(word))
}

/// Reads a document.
pub fn read(text: &str) -> Document {
    let text = mojibake::mended(text);
    let Outline { items, states } = outline(&text);
    let mut ids: Vec<Vec<&'static str>> = items.iter().map(of_item).collect();
    by_headings(&items, &mut ids);
    let mut claims = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let kept: Vec<&'static str> = ids[place]
            .iter()
            .copied()
            .filter(|id| !is_told_elsewhere(&items, &ids, place, id))
            .collect();
        let claim = |settled_by: Settled| Claim {
            line: item.line,
            text: item.text.clone(),
            settled_by,
            mark: item.mark,
            thresholds: thresholds(&item.text),
        };
        claims.extend(kept.iter().map(|id| claim(Settled::By(id))));
        if ids[place].is_empty() && stands_for_itself(&items, &ids, place) {
            let outside = lexicon::outside(&item.text);
            claims.push(claim(outside.map_or(Settled::Unknown, Settled::Outside)));
        }
    }
    Document { claims, percent: percent(&states, &items) }
}

/// The controls that an item is about.
fn of_item(item: &Item) -> Vec<&'static str> {
    // What was taken back, and a title of everything, claim nothing.
    if matches!(item.kind, Kind::Heading(1)) {
        return Vec::new();
    }
    if item.is_alert {
        return vec!["alerts"];
    }
    // It says where to read on.
    if item.own.is_none()
        && ["See ", "see ", "Voir ", "Ver ", "参见"].iter().any(|w| item.text.starts_with(w))
    {
        return Vec::new();
    }
    if matches!(item.kind, Kind::Heading(_)) && item.own.is_none() && !lexicon::names(&item.text) {
        return Vec::new();
    }
    let (title, rest) = match item.text.split_once([':', '：']) {
        Some((title, rest)) if title.chars().count() <= 60 => (title, rest),
        // Each sentence speaks for itself; the first has no explanation.
        _ => item.text.split_at(item.text.find(". ").unwrap_or(item.text.len())),
    };
    let (title, rest) = match title.split_once(" – ").or_else(|| title.split_once(" - ")) {
        Some((title, more)) if rest.is_empty() => (title, more),
        _ => (title, rest),
    };
    let ids = lexicon::of_sentences(title, rest);
    if ids.is_empty() && names_a_variable(&item.text) { vec!["environment"] } else { ids }
}

/// `DATABASE_URL`, `SMTP_HOST`.
fn names_a_variable(text: &str) -> bool {
    let is_name = |word: &str| {
        let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        word.len() >= 6 && word.contains('_') && word.chars().all(plain)
    };
    // A name with an ending is a file's.
    text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '.')).any(is_name)
}

/// What says nothing by itself belongs to its heading: "strict limits for log-in" below "Rate limits".
/// Figures below a heading of alerts are alerts, whatever they measure.
fn by_headings(items: &[Item], ids: &mut [Vec<&'static str>]) {
    for (place, item) in items.iter().enumerate() {
        if item.kind != Kind::Bullet
            || item.mark.is_none() && item.own.is_none() && !compares(&item.text)
        {
            continue;
        }
        let heading =
            item.parents.iter().rev().find(|at| matches!(items[**at].kind, Kind::Heading(_)));
        let Some(named) = heading.map(|at| lexicon::controls(&items[*at].text, "")) else {
            continue;
        };
        let is_figure = compares(&item.text) && matches!(named.as_slice(), ["alerts" | "rollback"]);
        let says_nothing = ids[place].is_empty()
            && item.mark.is_some()
            && named.len() == 1
            && lexicon::outside(&item.text).is_none();
        if is_figure
            || says_nothing && lexicon::names(&items[heading.copied().unwrap_or(place)].text)
        {
            ids[place] = named;
        }
    }
}

fn compares(text: &str) -> bool {
    text.contains(['>', '<', '≥', '≤'])
        || text.contains("exceed")
        || text.contains("above ")
        || text.contains("below ")
}

/// Whether the same is told by another item: a heading only groups what stands below it, and what
/// stands below a heading with a mark explains it.
fn is_told_elsewhere(items: &[Item], ids: &[Vec<&'static str>], place: usize, id: &str) -> bool {
    let item = &items[place];
    let names = |other: &usize| ids[*other].contains(&id);
    let below = || (place + 1..items.len()).filter(|other| items[*other].parents.contains(&place));
    match item.kind {
        // A heading only groups, where anything below it claims something.
        Kind::Heading(_) if item.own.is_none() => {
            below().any(|other| items[other].own.is_some() || !ids[other].is_empty())
        }
        Kind::Heading(_) => false,
        _ => {
            item.own.is_none()
                && item.parents.iter().any(|parent| items[*parent].own.is_some() && names(parent))
        }
    }
}

/// Whether something without a control is a claim all the same: it carries a mark of its own, and
/// nothing below it says more.
fn stands_for_itself(items: &[Item], ids: &[Vec<&'static str>], place: usize) -> bool {
    let item = &items[place];
    let mut below = (place + 1..items.len()).filter(|other| items[*other].parents.contains(&place));
    let is_item = matches!(item.kind, Kind::Bullet | Kind::Row);
    is_item
        && item.own.is_some()
        && !item.text.is_empty()
        && !below.any(|other| items[other].own.is_some() || !ids[other].is_empty())
}

/// How ready the document says that the service is.
fn percent(states: &[String], items: &[Item]) -> Option<u32> {
    let of_state = states.iter().filter_map(|text| mark::percent(text)).next_back();
    let top = states.first().and_then(|text| mark::percent(text));
    top.or(of_state).or_else(|| {
        let ready = items.iter().filter(|item| item.text.to_lowercase().contains("ready"));
        ready.filter_map(|item| mark::percent(&item.text)).next()
    })
}

/// The figures of a claim: comparisons and rates.
fn thresholds(text: &str) -> Vec<String> {
    const PATTERN: &str = r"(?:p\d\d(?:\.\d)?\s*)?(?:[<>≤≥]=?|under|above|below|over)\s*\d[\d.,]*\s*(?:%|ms|s\b|seconds?|minutes?|min\b|MB|GB)?|\b\d[\d.,]*\s*(?:req/s|rps|requests/s(?:ec)?|req/min|/min|/hour|concurrent \w+)";
    // Made once: to make it takes longer than to read a document.
    static COMPILED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(PATTERN).ok());
    let Some(pattern) = COMPILED.as_ref() else { return Vec::new() };
    pattern.find_iter(text).map(|found| found.as_str().trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controls(text: &str) -> Vec<(usize, &'static str, bool)> {
        let claims = read(text).claims.into_iter();
        claims
            .filter_map(|claim| match claim.settled_by {
                Settled::By(id) => Some((claim.line, id, claim.is_claimed())),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_heading_that_groups_is_no_claim_and_one_alone_is() {
        let text = "## Backups\n- [x] nightly backups\n## Rollback plan\nredeploy the old build\n";
        assert_eq!(controls(text), [(2, "backups", true), (3, "rollback", true)]);
    }

    #[test]
    fn what_explains_a_marked_heading_is_told_by_it() {
        let text =
            "### 6. Load testing\n**Status:** ❌ Not performed\n- use k6\n- 100 concurrent users\n";
        assert_eq!(controls(text), [(1, "load-targets", false)]);
    }

    #[test]
    fn nothing_with_a_mark_is_dropped() {
        let document = read("- [x] Terms of service reviewed\n- [ ] Frobnicator aligned\n");
        let settled: Vec<_> =
            document.claims.iter().map(|claim| claim.settled_by.clone()).collect();
        assert_eq!(settled, [Settled::Outside("a decision of people"), Settled::Unknown]);
    }

    #[test]
    fn a_threshold_is_kept() {
        let document = read("- [ ] Load test: p95 < 200 ms, errors < 0.1%, 500 req/s\n");
        assert_eq!(document.claims[0].thresholds, ["p95 < 200 ms", "< 0.1%", "500 req/s"]);
    }

    #[test]
    fn its_own_figure_is_taken() {
        assert_eq!(read("# A\n**Status**: 90% Ready\n").percent, Some(90));
        assert_eq!(
            read("# A\n## Summary\n**Readiness Level:** ~70% production ready\n").percent,
            Some(70)
        );
        assert_eq!(read("# A\nfine\n").percent, None);
    }
}
