//! The members of a request's body, as far as source shows them.

use regex_lite::Regex;

/// A member of a JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub kind: FieldKind,
}

/// What a member holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    Text,
    Number,
    Truth,
}

/// Members that are read by name, without a type.
const READ: &[&str] = &[
    r"\b(?:req|request|ctx\.request|c\.req|q|r)\.body\.(\w+)",
    r#"(?:request|data|body|payload)\[['"](\w+)['"]\]"#,
    r#"(?:data|body|payload|json)\.get\(['"](\w+)['"]"#,
];
const DESTRUCTURED: &str = r"\{\s*([\w\s,]+)\}\s*=\s*(?:await\s+)?\w+(?:\.\w+)*\.(?:body|json)\b";
/// Go: ``Title string `json:"title"` ``.
const GO: &str = r#"(?m)^\s*\w+\s+([\w.*]+)\s+`json:"(\w+)"#;
/// Rust: what is deserialised.
const RUST: &str = r"Deserialize[^;{]*?struct\s+\w+\s*\{([^}]*)\}";
/// Java and Kotlin: records and data classes.
const RECORD: &str = r"(?:record|data class)\s+\w+\s*\(([^)]*)\)";

/// The members of the bodies that a file reads.
pub(super) fn find(text: &str) -> Vec<Field> {
    let mut found: Vec<Field> = Vec::new();
    let mut add = |name: &str, kind: FieldKind| {
        // An id is the service's to give.
        let known = found.iter().any(|one| one.name == name);
        if !name.is_empty() && name != "id" && !known {
            found.push(Field { name: name.to_owned(), kind });
        }
    };
    for pattern in READ.iter().filter_map(|pattern| Regex::new(pattern).ok()) {
        pattern.captures_iter(text).for_each(|one| add(&one[1], FieldKind::Text));
    }
    each(DESTRUCTURED, text, |one| {
        one[1].split(',').for_each(|name| add(name.trim(), FieldKind::Text));
    });
    each(GO, text, |one| add(&one[2], of_type(&one[1])));
    each(RUST, text, |one| {
        for line in one[1].split(',') {
            let line = line.rsplit(']').next().unwrap_or(line);
            if let Some((name, kind)) = line.split_once(':') {
                add(name.trim().trim_start_matches("pub "), of_type(kind.trim()));
            }
        }
    });
    each(RECORD, text, |one| {
        for part in one[1].split(',') {
            let (kind, name) = match part.split_once(':') {
                // Kotlin: `val title: String`.
                Some((name, kind)) => (kind.trim(), name.rsplit(' ').next().unwrap_or(name)),
                None => part.trim().rsplit_once(' ').unwrap_or_default(),
            };
            add(name.trim(), of_type(kind.rsplit(' ').next().unwrap_or(kind)));
        }
    });
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn each(pattern: &str, text: &str, mut work: impl FnMut(&regex_lite::Captures<'_>)) {
    if let Ok(pattern) = Regex::new(pattern) {
        pattern.captures_iter(text).for_each(|one| work(&one));
    }
}

fn of_type(kind: &str) -> FieldKind {
    let kind = kind.trim_start_matches(['*', '&']).to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| kind.starts_with(word));
    match () {
        () if begins(&["bool"]) => FieldKind::Truth,
        () if begins(&["int", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "usize"]) => {
            FieldKind::Number
        }
        () if begins(&["f32", "f64", "float", "double", "long", "short", "bigdecimal"]) => {
            FieldKind::Number
        }
        () => FieldKind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<(String, FieldKind)> {
        find(text).into_iter().map(|field| (field.name, field.kind)).collect()
    }

    #[test]
    fn types_are_told_where_the_source_says_them() {
        use FieldKind::{Number, Text, Truth};
        let text = |name: &str| (name.to_owned(), Text);
        let go = "type note struct {\n\tID int `json:\"id\"`\n\tTitle string `json:\"title\"`\n\tSize *int `json:\"size\"`\n}";
        assert_eq!(names(go), [("size".to_owned(), Number), text("title")]);
        let rust = "#[derive(Debug, Deserialize)]\npub struct NewNote {\n    pub title: String,\n    #[serde(default)]\n    done: bool,\n}";
        assert_eq!(names(rust), [("done".to_owned(), Truth), text("title")]);
        let java = "public record NewNote(@NotBlank String title, int size) {}";
        assert_eq!(names(java), [("size".to_owned(), Number), text("title")]);
        let kotlin = "data class NewNote(val title: String, val size: Int)";
        assert_eq!(names(kotlin), [("size".to_owned(), Number), text("title")]);
        let node = "const { text, title } = req.body;";
        assert_eq!(names(node), [text("text"), text("title")]);
    }
}
