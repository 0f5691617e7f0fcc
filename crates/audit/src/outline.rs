//! A document as headings, items, rows and sentences, each with what the document says of it.

use crate::mark::{self, Mark};

/// Something that may be a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// The line on which it begins, from 1.
    pub(crate) line: usize,
    /// Without the marks around it.
    pub(crate) text: String,
    pub(crate) kind: Kind,
    /// What stands beside it.
    pub(crate) own: Option<Mark>,
    /// What stands beside it, or beside what it belongs to.
    pub(crate) mark: Option<Mark>,
    /// It is a row of a table of alerts.
    pub(crate) is_alert: bool,
    /// The items that it stands below: parent bullets and headings, by their places.
    pub(crate) parents: Vec<usize>,
}

/// What an item is in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Heading(usize),
    Bullet,
    Row,
    Prose,
}

/// The items of a document, and the lines in which it speaks of its state as a whole.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) items: Vec<Item>,
    pub(crate) states: Vec<String>,
}

/// What stands before a colon and says something of the heading, not of the service.
const LABELS: [&str; 22] = [
    "priority",
    "issue",
    "purpose",
    "time required",
    "estimated time",
    "tools",
    "owner",
    "date",
    "last updated",
    "started",
    "target",
    "version",
    "author",
    "action required",
    "action items",
    "recommended approach",
    "recommendation",
    "example",
    "note",
    "file",
    "files",
    "location",
];
/// Labels of a state.
const STATES: [&str; 8] =
    ["status", "current status", "state", "statut", "estado", "статус", "状态", "readiness level"];

/// Reads a document.
pub(crate) fn outline(text: &str) -> Outline {
    let mut reader = Reader::default();
    for (at, line) in text.lines().enumerate() {
        reader.line(at + 1, line);
    }
    reader.out
}

#[derive(Default)]
struct Reader {
    out: Outline,
    /// Open headings: level and place.
    headings: Vec<(usize, usize)>,
    /// Open bullets: indentation and place.
    bullets: Vec<(usize, usize)>,
    fence: Option<String>,
    /// The open fence says no language.
    plain_fence: bool,
    comment: bool,
    /// The open table, when its head has been read.
    table: Option<Table>,
    /// The list that follows is of what is still to be done.
    to_do: bool,
    /// How deep the heading is whose part explains how to use or mend things.
    skipped: Option<usize>,
}

#[derive(Clone, Copy)]
struct Table {
    status: Option<usize>,
    /// It says what triggers which alert.
    alerts: bool,
}

/// Words before a list of what is still to be done.
const CONDITIONS: [&str; 6] = [
    "condition",
    "after completing",
    "before launch",
    "before production",
    "should be completed",
    "missing",
];

/// Parts that tell how to do something, and claim nothing.
const SKIPPED: [&str; 12] = [
    "troubleshoot",
    "common issues",
    "getting help",
    "quick start",
    "table of contents",
    "related doc",
    "references",
    "support contacts",
    "estimated timeline",
    "timeline",
    "contact",
    "how to use",
];

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        let trimmed = line.trim();
        if self.is_code(trimmed) || self.is_comment(trimmed) {
            // A list that was only set apart is a list.
            let is_list =
                self.plain_fence && (begins_with_sign(trimmed) || boxed(trimmed).0.is_some());
            if is_list && self.skipped.is_none() {
                self.bullet(number, 0, trimmed);
            }
            return;
        }
        let quoted = trimmed.trim_start_matches('>').trim_start();
        if !quoted.starts_with('|') {
            self.table = None;
        }
        if quoted.is_empty() {
            return;
        }
        if let Some((level, text)) = heading(quoted) {
            self.heading(number, level, text);
        } else if self.skipped.is_some() {
            // Nothing is claimed here.
        } else if quoted.starts_with('|') {
            self.row(number, quoted);
        } else if let Some((indent, text)) = bullet(line.trim_start_matches('>')) {
            self.bullet(number, indent, text);
        } else {
            self.prose(number, line, quoted);
        }
    }

    fn is_code(&mut self, line: &str) -> bool {
        let mark: String = line.chars().take_while(|c| matches!(c, '`' | '~')).collect();
        match &self.fence {
            Some(open) => {
                if mark.starts_with(open.as_str()) && line == mark {
                    self.fence = None;
                    self.plain_fence = false;
                }
                true
            }
            None if mark.len() >= 3 => {
                let language = line[mark.len()..].trim().to_lowercase();
                self.plain_fence = matches!(language.as_str(), "" | "text" | "markdown" | "md");
                self.fence = Some(mark);
                true
            }
            None => false,
        }
    }

    fn is_comment(&mut self, line: &str) -> bool {
        if self.comment || line.starts_with("<!--") {
            self.comment = !line.contains("-->");
            return true;
        }
        false
    }

    fn heading(&mut self, number: usize, level: usize, text: &str) {
        self.bullets.clear();
        self.to_do = false;
        self.headings.retain(|(open, _)| *open < level);
        self.skipped = self.skipped.filter(|skipped| *skipped < level);
        let lower = text.to_lowercase();
        if self.skipped.is_some() || SKIPPED.iter().any(|word| lower.contains(word)) {
            self.skipped = self.skipped.or(Some(level));
            return;
        }
        let own = mark::sign(text, false);
        let place = self.push(number, text, Kind::Heading(level), own);
        if level <= 2 && mark::percent(text).is_some() {
            self.out.states.push(text.to_owned());
        }
        self.headings.push((level, place));
    }

    fn bullet(&mut self, number: usize, indent: usize, text: &str) {
        self.bullets.retain(|(open, _)| *open < indent);
        let (own, text) = boxed(text);
        // A command tells what to type.
        if own.is_none() && text.starts_with('`') && text.ends_with('`') && text.contains(' ') {
            return;
        }
        if let Some((label, rest)) = labelled(text).filter(|_| own.is_none())
            && (self.state(&label, rest) || LABELS.contains(&label.as_str()))
        {
            return;
        }
        let own = if mark::is_struck(text) {
            Some(Mark::Withdrawn)
        } else {
            own.map(|own| reconsidered(own, text))
        };
        let own = own.or_else(|| mark::sign(text, true)).or(self.to_do.then_some(Mark::Open));
        let place = self.push(number, text, Kind::Bullet, own);
        self.bullets.push((indent, place));
    }

    fn row(&mut self, number: usize, line: &str) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':' | ' '))) {
            return;
        }
        let Some(Table { status, alerts }) = self.table else {
            let names = |words: &[&str]| {
                cells
                    .iter()
                    .any(|cell| words.contains(&cell.trim_matches('*').to_lowercase().as_str()))
            };
            self.table = Some(Table {
                status: cells.iter().position(|cell| is_status_column(cell)),
                alerts: names(&["trigger", "alert", "alert condition", "severity"]),
            });
            return;
        };
        self.bullets.clear();
        let signed = cells.iter().position(|cell| begins_with_sign(cell));
        let column = status.filter(|column| *column < cells.len()).or(signed);
        let own = column.and_then(|column| mark::status(cells[column]));
        if cells.iter().any(|cell| {
            cell.to_lowercase().contains("overall") || cell.to_lowercase().contains("total")
        }) {
            self.out.states.push(line.to_owned());
            return;
        }
        let rest = cells.iter().enumerate().filter(|(at, _)| Some(*at) != column);
        let text: Vec<&str> = rest.map(|(_, cell)| *cell).filter(|cell| !cell.is_empty()).collect();
        let place = self.push(number, &text.join(": "), Kind::Row, own);
        self.out.items[place].is_alert = alerts;
    }

    fn prose(&mut self, number: usize, line: &str, text: &str) {
        if let Some((label, rest)) = labelled(text)
            && (self.state(&label, rest) || LABELS.contains(&label.as_str()))
        {
            return;
        }
        let indent = line.len() - line.trim_start().len();
        // What is wrapped belongs to its item.
        if let Some((open, place)) = self.bullets.last().copied()
            && indent > open
        {
            let item = &mut self.out.items[place];
            item.text = format!("{} {}", item.text, plain(text));
            return;
        }
        self.bullets.clear();
        let lower = text.to_lowercase();
        self.to_do = text.trim_end_matches('*').ends_with(':')
            && CONDITIONS.iter().any(|word| lower.contains(word));
        if mark::percent(text).is_some() && speaks_of_readiness(text) {
            self.out.states.push(text.to_owned());
        }
        self.push(number, text, Kind::Prose, mark::sign(text, false));
    }

    /// A line such as `**Status:** ❌ Missing`: it is said of the heading above. Whether it was one.
    fn state(&mut self, label: &str, rest: &str) -> bool {
        let is_state = STATES.contains(&label) || label.ends_with(" status");
        if !is_state {
            return false;
        }
        if label == "readiness level" {
            self.out.states.push(rest.to_owned());
            return true;
        }
        if self.headings.last().is_none_or(|(level, _)| *level <= 1) {
            self.out.states.push(rest.to_owned());
            return true;
        }
        if let (Some((_, place)), Some(mark)) = (self.headings.last(), mark::status(rest)) {
            let item = &mut self.out.items[*place];
            item.own = Some(mark);
            item.mark = Some(mark);
        }
        true
    }

    fn push(&mut self, line: usize, text: &str, kind: Kind, own: Option<Mark>) -> usize {
        let headings = self.headings.iter().map(|(_, place)| *place);
        let parents: Vec<usize> =
            headings.chain(self.bullets.iter().map(|(_, place)| *place)).collect();
        let inherited = parents.iter().rev().find_map(|place| self.out.items[*place].own);
        let mark = own.or(inherited);
        self.out.items.push(Item {
            line,
            text: plain(text),
            kind,
            own,
            mark,
            is_alert: false,
            parents,
        });
        self.out.items.len() - 1
    }
}

/// `## Text`.
fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.chars().take_while(|c| *c == '#').count();
    let text = line.get(level..)?;
    ((1..=6).contains(&level) && text.starts_with([' ', '\t'])).then(|| (level, text.trim()))
}

/// The indentation and the text of `- text`, `1. text`, or of a line that begins with a sign.
fn bullet(line: &str) -> Option<(usize, &str)> {
    let text = line.trim_start();
    let indent = line.len() - text.len();
    let signed = || begins_with_sign(text).then_some((indent, text));
    let mut rest = text.strip_prefix(['-', '*', '+', '•', '●', '◦']);
    if rest.is_none() {
        let digits = text.chars().take_while(char::is_ascii_digit).count();
        rest = text.get(digits..).filter(|_| (1..=3).contains(&digits));
        rest = rest.and_then(|rest| rest.strip_prefix(['.', ')', '、']));
    }
    match rest {
        Some(rest) if rest.starts_with([' ', '\t', '[']) => Some((indent, rest.trim())),
        _ if boxed(text).0.is_some() => Some((indent, text)),
        _ => signed(),
    }
}

fn begins_with_sign(text: &str) -> bool {
    let first = text.trim_start_matches(['*', ' ']).chars().next();
    first.is_some_and(|c| !c.is_alphanumeric() && mark::sign(&c.to_string(), true).is_some())
}

/// The mark of a box, and what follows it.
fn boxed(text: &str) -> (Option<Mark>, &str) {
    let inner = text.strip_prefix("\\[").or_else(|| text.strip_prefix('[')).map(|rest| {
        let mut chars = rest.chars();
        (chars.next(), chars.as_str())
    });
    let Some((Some(first), rest)) = inner else { return (None, text) };
    let close = rest.strip_prefix("\\]").or_else(|| rest.strip_prefix(']'));
    match (mark::of_box(first), close) {
        (Some(mark), Some(rest)) if !rest.starts_with('(') => (Some(mark), rest.trim()),
        _ if first == ']' => (Some(Mark::Open), rest.trim()),
        _ => (None, text),
    }
}

/// A box that is contradicted by its own words: "(✅ already configured)".
fn reconsidered(own: Mark, text: &str) -> Mark {
    let lower = text.to_lowercase();
    let already = lower.contains("already ")
        && (lower.contains("configured")
            || lower.contains("in place")
            || lower.contains("done")
            || lower.contains("implemented"));
    if own == Mark::Open && already { Mark::Done } else { own }
}

/// `**Label:** rest`, with the label in small letters.
fn labelled(text: &str) -> Option<(String, &str)> {
    let (label, rest) = text.split_once([':', '：'])?;
    let label = label.trim_matches(['*', '_', ' ', '`']).to_lowercase();
    (label.chars().count() <= 40).then(|| (label, rest.trim_matches(['*', ' '])))
}

fn is_status_column(cell: &str) -> bool {
    let cell = cell.trim_matches(['*', ' ']).to_lowercase();
    let words = [
        "status",
        "state",
        "done",
        "done?",
        "statut",
        "estado",
        "статус",
        "状态",
        "result",
        "ready",
        "✓",
        "✅",
        "complete",
        "implemented",
    ];
    words.contains(&cell.as_str()) || cell.ends_with(" status")
}

fn speaks_of_readiness(text: &str) -> bool {
    let text = text.to_lowercase();
    ["ready", "readiness", "complete", "score", "status", "overall"]
        .iter()
        .any(|word| text.contains(word))
}

/// A text without signs, boxes, emphasis and addresses.
fn plain(text: &str) -> String {
    let words = text.split(' ').filter(|word| !word.contains("://"));
    let kept: String = words
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !matches!(c, '*' | '`' | '~' | '\u{fe0f}' | '\u{fffd}'))
        .filter(|c| mark::sign(&c.to_string(), true).is_none())
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(text: &str) -> Vec<(String, Option<Mark>)> {
        outline(text).items.into_iter().map(|item| (item.text, item.mark)).collect()
    }

    #[test]
    fn an_item_has_its_own_mark_or_that_of_what_it_belongs_to() {
        let text =
            "# A\n## ✅ Done\n- CORS\n- [ ] Backups\n  - nightly\n- ~~MFA~~\n## Later\n- x\n";
        let found = marks(text);
        let mark = |name: &str| found.iter().find(|(text, _)| text == name).expect("it is there").1;
        assert_eq!(mark("CORS"), Some(Mark::Done));
        assert_eq!(mark("Backups"), Some(Mark::Open));
        assert_eq!(mark("nightly"), Some(Mark::Open));
        assert_eq!(mark("MFA"), Some(Mark::Withdrawn));
        assert_eq!(mark("x"), None);
    }

    #[test]
    fn a_line_of_state_speaks_of_its_heading() {
        let text =
            "# A\n**Status**: 90% ready\n### 6. Load Testing\n**Status:** ❌ Not performed\n- k6\n";
        let found = outline(text);
        assert_eq!(found.states, ["90% ready"]);
        assert_eq!(found.items[1].mark, Some(Mark::Open));
        assert_eq!(found.items[2].mark, Some(Mark::Open));
    }

    #[test]
    fn a_table_has_its_status_in_a_column() {
        let text = "| Item | Status | Notes |\n|---|---|---|\n| CORS | ✅ | two origins |\n| Backups | pending | |\n";
        let found = marks(text);
        assert_eq!(found[0], ("CORS: two origins".to_owned(), Some(Mark::Done)));
        assert_eq!(found[1], ("Backups".to_owned(), Some(Mark::Open)));
    }

    #[test]
    fn code_and_comments_claim_nothing() {
        let text = "```sh\n- [x] CORS\n# ✅ done\n```\n<!-- - [x] TLS -->\n- [x] HSTS\n";
        assert_eq!(marks(text), [("HSTS".to_owned(), Some(Mark::Done))]);
    }

    #[test]
    fn what_is_wrapped_is_one_item() {
        let text = "- [x] errors have\n  one shape\n";
        assert_eq!(marks(text)[0].0, "errors have one shape");
    }

    #[test]
    fn a_box_that_is_already_done_is_done() {
        let text = "- [ ] Rate limiting enabled (✅ already configured)\n";
        assert_eq!(marks(text)[0].1, Some(Mark::Done));
    }
}
