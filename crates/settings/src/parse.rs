//! Text to manifest: all mistakes at once, each at its line.

mod document;
mod meaning;
mod schema_walk;

pub use schema_walk::nearest;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::manifest::Manifest;
use crate::upstreams::UpstreamKind;

/// The largest manifest that is read, in bytes: a hundred times what a large one needs.
pub const LARGEST: u64 = 1024 * 1024;

/// A mistake in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where, in bytes of the text.
    pub at: Range<usize>,
    /// What was expected and what was found.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Mistake {
    fn new(at: Range<usize>, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), help: None }
    }

    fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// The line and column, from 1, of this mistake in `text`.
    pub fn place(&self, text: &str) -> (usize, usize) {
        place(text, self.at.start)
    }
}

fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    (line, String::from_utf8_lossy(&before[start..]).chars().count() + 1)
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Declared in the manifest at this line, from 1.
    Declared(usize),
    /// Not declared: the default.
    Default,
}

/// A manifest that holds no mistake.
#[derive(Debug, Clone)]
pub struct Parsed {
    pub manifest: Manifest,
    /// What was read although nothing uses it yet, with its line.
    pub notes: Vec<(usize, String)>,
    lines: BTreeMap<String, usize>,
}

impl Parsed {
    /// Where the value at this path (`controls.startup.within`) comes from.
    pub fn origin(&self, path: &str) -> Origin {
        self.lines.get(path).map_or(Origin::Default, |line| Origin::Declared(*line))
    }
}

/// Reads a manifest.
///
/// # Errors
/// Every mistake that could be found, in the order of the text.
pub fn parse(text: &str) -> Result<Parsed, Vec<Mistake>> {
    let document = document::read(text)?;
    let schema = crate::reference::schema();
    let mut walk = schema_walk::Walk::new(&schema);
    walk.document(&document);
    let schema_walk::Walk { mut mistakes, places, unbuilt, .. } = walk;
    if mistakes.is_empty() {
        match document::decode(text, &unbuilt) {
            Ok(manifest) => {
                mistakes.extend(meaning::mistakes(&manifest, &places));
                if mistakes.is_empty() {
                    let notes = notes(text, &manifest, &unbuilt, &places);
                    let lines =
                        places.iter().map(|(path, at)| (path.clone(), place(text, at.start).0));
                    return Ok(Parsed { manifest, notes, lines: lines.collect() });
                }
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
    mistakes.sort_by_key(|mistake| mistake.at.start);
    Err(mistakes)
}

/// What is read and checked but used by no control yet; `*` stands for a name.
const LATER: &[&str] = &[
    "authentication.kind",
    "authentication.scheme",
    "authentication.token",
    "authentication.journey",
    "limits.raised_by",
    "limits.routes",
    "identities",
    "upstreams.*.request",
    "upstreams.*.within",
    "upstreams.*.critical",
    "data",
    "release",
];

/// Whether a path of the manifest fits a pattern of [`LATER`].
fn fits(path: &str, pattern: &str) -> bool {
    let (mut path, mut pattern) = (path.split('.'), pattern.split('.'));
    loop {
        match (path.next(), pattern.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if other == "*" || one == other => {}
            _ => return false,
        }
    }
}

fn notes(
    text: &str,
    manifest: &Manifest,
    unbuilt: &[String],
    places: &BTreeMap<String, Range<usize>>,
) -> Vec<(usize, String)> {
    let line = |path: &str| places.get(path).map_or(1, |at| place(text, at.start).0);
    let controls = unbuilt.iter().map(|id| {
        let path = format!("controls.{id}");
        (line(&path), format!("{id} is in the catalogue but not built yet; its settings are kept"))
    });
    let later = places.keys().filter(|path| LATER.iter().any(|pattern| fits(path, pattern)));
    let later = later.map(|path| {
        (line(path), format!("{path} is read and checked, but no control uses it yet"))
    });
    let smtp = manifest.upstreams.iter().filter(|(_, one)| one.kind == UpstreamKind::Smtp);
    let smtp = smtp.map(|(name, one)| {
        let said = format!(
            "the lab has no stand-in for SMTP yet: {} is an address that nobody answers",
            one.variable
        );
        (line(&format!("upstreams.{name}.kind")), said)
    });
    controls.chain(later).chain(smtp).collect()
}

#[cfg(test)]
mod tests;
