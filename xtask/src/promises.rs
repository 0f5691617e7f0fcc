//! A control's promise is written in the catalogue. Its module, its page and its settings begin with
//! the same words, so that whoever opens one of them reads what it is for.

use std::fs;
use std::path::Path;

use crate::root;

/// What differs from the catalogue.
pub(crate) fn differing() -> Vec<String> {
    controls::CONTROLS.iter().flat_map(|control| of(control.card())).collect()
}

fn of(card: &model::Card) -> Vec<String> {
    let entry = card.entry();
    let promise = sentence(entry.promise);
    let name = card.id.replace('-', "_");
    let folder = root().join("crates/controls/src").join(entry.family.word());
    let settings = root().join("crates/settings/src/controls").join(format!("{name}.rs"));
    let module = folder.join(format!("{name}.rs"));
    let mut wrong = vec![
        check(&module, &promise, |text| paragraph(text.lines(), "//!")),
        check(&folder.join(format!("{name}.md")), &promise, |text| {
            text.split("\n\n").nth(1).unwrap_or_default().replace('\n', " ")
        }),
    ];
    if settings.is_file() {
        let strukt = format!("pub struct {} ", camel(&name));
        wrong.push(check(&settings, &promise, |text| {
            let before = text.split(&strukt).next().unwrap_or_default();
            let doc = before.rsplit("\n\n").next().unwrap_or_default();
            paragraph(doc.lines(), "///")
        }));
    }
    wrong.into_iter().flatten().collect()
}

fn check(path: &Path, promise: &str, read: impl Fn(&str) -> String) -> Option<String> {
    let found = fs::read_to_string(path).map(|text| read(&text)).unwrap_or_default();
    let shown = path.strip_prefix(root()).unwrap_or(path).display();
    (found.trim() != promise).then(|| {
        format!("{shown}: expected the promise of the catalogue, {promise:?}, found {found:?}")
    })
}

/// `it starts` as a sentence: `It starts.`
fn sentence(promise: &str) -> String {
    let mut letters = promise.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

/// The first paragraph of a comment, as one line.
fn paragraph<'a>(lines: impl Iterator<Item = &'a str>, mark: &str) -> String {
    let texts = lines.map_while(|line| line.strip_prefix(mark)).map(str::trim);
    texts.take_while(|text| !text.is_empty()).collect::<Vec<_>>().join(" ")
}

fn camel(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| format!("{}{}", first.to_uppercase(), letters.as_str()))
    });
    words.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_promise_is_the_one_of_the_catalogue() {
        assert_eq!(differing(), Vec::<String>::new());
    }

    #[test]
    fn the_first_paragraph_is_read() {
        let text = "/// It starts\n/// every time.\n///\n/// More.\n#[derive(Debug)]";
        assert_eq!(paragraph(text.lines(), "///"), "It starts every time.");
        assert_eq!(
            (sentence("it starts"), camel("body_limits")),
            ("It starts.".into(), "BodyLimits".into())
        );
    }
}
