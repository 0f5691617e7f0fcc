//! `{name}` placeholders in values, arguments and files.

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<'a> {
    Text(&'a str),
    /// The name inside the braces.
    Name(&'a str),
}

/// Splits a text at its placeholders. Braces around anything but a name (letters, digits, `.`,
/// `_`, `-`) are text, so JSON and code pass through untouched.
pub fn split(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut taken = 0;
    while let Some(open) = rest[taken..].find('{').map(|at| at + taken) {
        let name_end = rest[open + 1..]
            .find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)))
            .map_or(rest.len(), |at| open + 1 + at);
        if rest[name_end..].starts_with('}') && name_end > open + 1 {
            if open > 0 {
                parts.push(Part::Text(&rest[..open]));
            }
            parts.push(Part::Name(&rest[open + 1..name_end]));
            rest = &rest[name_end + 1..];
            taken = 0;
        } else {
            taken = open + 1;
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// The names that a text refers to.
pub fn names(text: &str) -> impl Iterator<Item = &str> {
    split(text).into_iter().filter_map(|part| match part {
        Part::Name(name) => Some(name),
        Part::Text(_) => None,
    })
}

/// Fills a text in. `None` from `lookup` leaves the placeholder as it stands.
pub fn fill(text: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    split(text)
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Name(name) => lookup(name).unwrap_or_else(|| format!("{{{name}}}")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_names_and_leaves_other_braces() {
        let filled = fill("--port={port} {\"a\": {port}} {} {unknown} {a b}", |name| {
            (name == "port").then(|| "80".to_owned())
        });
        assert_eq!(filled, "--port=80 {\"a\": 80} {} {unknown} {a b}");
    }

    #[test]
    fn finds_the_names() {
        assert_eq!(names("{database.url}?x={port}{").collect::<Vec<_>>(), ["database.url", "port"]);
    }
}
