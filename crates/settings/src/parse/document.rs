//! TOML with places, and TOML to the manifest's type.

use toml_edit::{Document, TableLike};

use super::Mistake;
use crate::manifest::Manifest;

pub(super) fn read(text: &str) -> Result<Document<&str>, Vec<Mistake>> {
    Document::parse(text).map_err(|error| {
        let at = error.span().unwrap_or(0..0);
        let message = error.message().trim().replace('\n', ", ");
        vec![Mistake::new(at, message).help(Some("this is not valid TOML 1.0".to_owned()))]
    })
}

/// Decodes a document that the schema has accepted.
pub(super) fn decode(text: &str, unbuilt: &[String]) -> Result<Manifest, Mistake> {
    let mut document = Document::parse(text)
        .map(Document::into_mut)
        .map_err(|error| Mistake::new(error.span().unwrap_or(0..0), error.message().to_owned()))?;
    if let Some(controls) = document.get_mut("controls").and_then(|item| item.as_table_like_mut()) {
        for id in unbuilt {
            TableLike::remove(controls, id);
        }
    }
    toml_edit::de::from_document(document).map_err(|error| {
        let mut at = error.span().unwrap_or(0..0);
        at.end = at.end.min(text.len());
        Mistake::new(at, error.message().trim().to_owned())
    })
}
