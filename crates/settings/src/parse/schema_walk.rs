//! Compares a TOML document with the generated JSON schema and collects every difference.
//!
//! The schema comes from the manifest's types, so nothing is written twice: what an editor
//! completes is what is checked here.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value as Json;
use toml_edit::{Document, Item, TableLike, Value};

use super::Mistake;

pub(super) struct Walk<'a> {
    schema: &'a Json,
    pub(super) mistakes: Vec<Mistake>,
    /// Where each path stands, as bytes of the text.
    pub(super) places: BTreeMap<String, Range<usize>>,
    /// Controls of the catalogue that are named but not built.
    pub(super) unbuilt: Vec<String>,
}

/// A value of the document, wherever TOML allows one.
enum Node<'d> {
    Table(&'d dyn TableLike),
    List(Vec<(Range<usize>, Node<'d>)>),
    Text(&'d str),
    Whole(i64),
    Fraction,
    Bool,
    Date,
}

impl<'a> Walk<'a> {
    pub(super) fn new(schema: &'a Json) -> Self {
        Self { schema, mistakes: Vec::new(), places: BTreeMap::new(), unbuilt: Vec::new() }
    }

    pub(super) fn document(&mut self, document: &Document<&str>) {
        self.table("", 0..0, document.as_table(), self.schema);
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        match schema["$ref"].as_str() {
            Some(name) => self.schema.pointer(name.trim_start_matches('#')).unwrap_or(schema),
            None => schema,
        }
    }

    fn value(&mut self, path: &str, at: Range<usize>, node: &Node<'_>, schema: &'a Json) {
        let schema = self.resolve(schema);
        if let Some(options) = schema["anyOf"].as_array() {
            // A union: the option whose type fits decides, so that the message is about it.
            let options: Vec<_> = options.iter().map(|option| self.resolve(option)).collect();
            match options.iter().find(|option| fits(node, option)) {
                Some(option) => self.value(path, at, node, option),
                None => self.wrong_type(at, node, &options),
            }
            return;
        }
        if let Some(words) = choices(schema) {
            self.choice(at, node, &words);
            return;
        }
        if !fits(node, schema) {
            self.wrong_type(at, node, &[schema]);
            return;
        }
        match node {
            Node::Table(table) => self.table(path, at, *table, schema),
            Node::List(items) => self.list(path, &at, items, schema),
            Node::Whole(number) => self.bounds(at, *number, schema),
            Node::Text(text) => self.text(at, text, schema),
            Node::Fraction | Node::Bool | Node::Date => {}
        }
    }

    fn wrong_type(&mut self, at: Range<usize>, node: &Node<'_>, options: &[&Json]) {
        let expected: Vec<_> = options
            .iter()
            .flat_map(|schema| types(schema))
            .filter(|name| *name != "null")
            .map(kind)
            .collect();
        let message = format!("expected {}, found {}", expected.join(" or "), found(node));
        self.mistakes.push(Mistake::new(at, message));
    }

    fn table(&mut self, path: &str, at: Range<usize>, table: &dyn TableLike, schema: &'a Json) {
        let none = serde_json::Map::new();
        let known = schema["properties"].as_object();
        let others = &schema["additionalProperties"];
        for (name, item) in table.iter() {
            let key_at = table.key(name).and_then(toml_edit::Key::span).unwrap_or(at.clone());
            let child = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            self.places.insert(child.clone(), key_at.clone());
            if let Some(schema) = known.and_then(|known| known.get(name)) {
                self.item(&child, key_at, item, schema);
            } else if path == "controls" && model::catalogue::find(name).is_some() {
                self.unbuilt.push(name.to_owned());
            } else if others.is_object() {
                self.item(&child, key_at, item, others);
            } else {
                let names = known.into_iter().flat_map(|known| known.keys().map(String::as_str));
                self.unknown(path, key_at, name, names);
            }
        }
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        for name in
            required.iter().filter_map(Json::as_str).filter(|name| !table.contains_key(name))
        {
            let about = known.unwrap_or(&none).get(name).and_then(|s| s["description"].as_str());
            let place = if path.is_empty() { "the manifest".into() } else { format!("[{path}]") };
            let help = about.map(|about| format!("{name}: {}", first_sentence(about)));
            let message = format!("expected the key {name} in {place}, found none");
            self.mistakes.push(Mistake::new(at.clone(), message).help(help));
        }
    }

    fn unknown<'n>(
        &mut self,
        path: &str,
        at: Range<usize>,
        name: &str,
        names: impl Iterator<Item = &'n str>,
    ) {
        let place = if path.is_empty() { String::new() } else { format!(" in [{path}]") };
        let mut names: Vec<_> = names.collect();
        if path == "controls" {
            names.extend(model::catalogue::ENTRIES.iter().map(|entry| entry.id));
        }
        let help = nearest(name, names.iter().copied()).map_or_else(
            || (names.len() <= 24).then(|| format!("valid keys are {}", names.join(", "))),
            |name| Some(format!("did you mean {name}?")),
        );
        let what = if path == "controls" { "control" } else { "key" };
        let message = format!("unknown {what} {name}{place}");
        self.mistakes.push(Mistake::new(at, message).help(help));
    }

    fn item(&mut self, path: &str, key_at: Range<usize>, item: &Item, schema: &'a Json) {
        let at = item.span().filter(|at| !at.is_empty()).unwrap_or(key_at);
        if let Some(node) = node_of_item(item) {
            self.value(path, at, &node, schema);
        }
    }

    fn list(
        &mut self,
        path: &str,
        at: &Range<usize>,
        items: &[(Range<usize>, Node<'_>)],
        schema: &'a Json,
    ) {
        let fewest = schema["minItems"].as_u64().unwrap_or(0);
        if (items.len() as u64) < fewest {
            let message = format!("expected at least {fewest} entries, found {}", items.len());
            self.mistakes.push(Mistake::new(at.clone(), message));
        }
        for (index, (at, node)) in items.iter().enumerate() {
            self.value(&format!("{path}.{index}"), at.clone(), node, &schema["items"]);
        }
    }

    fn choice(&mut self, at: Range<usize>, node: &Node<'_>, words: &[&str]) {
        let Node::Text(text) = node else {
            let message = format!("expected one of {}, found {}", words.join(", "), found(node));
            self.mistakes.push(Mistake::new(at, message));
            return;
        };
        if !words.contains(text) {
            let message = format!("expected one of {}, found \"{text}\"", words.join(", "));
            let help = nearest(text, words.iter().copied());
            let help = help.map(|word| format!("did you mean \"{word}\"?"));
            self.mistakes.push(Mistake::new(at, message).help(help));
        }
    }

    fn bounds(&mut self, at: Range<usize>, number: i64, schema: &Json) {
        let low = schema["minimum"].as_f64();
        let high = schema["maximum"].as_f64();
        let below = low.is_some_and(|low| (number as f64) < low);
        let above = high.is_some_and(|high| number as f64 > high);
        if below || above {
            let message = match (low, high) {
                (Some(low), Some(high)) => format!("expected {low} to {high}, found {number}"),
                (Some(low), None) => format!("expected at least {low}, found {number}"),
                _ => format!("expected at most {}, found {number}", high.unwrap_or_default()),
            };
            self.mistakes.push(Mistake::new(at, message));
        }
    }

    fn text(&mut self, at: Range<usize>, text: &str, schema: &Json) {
        let mistake = match schema["format"].as_str() {
            Some("span") => text.parse::<crate::Span>().err().map(|error| error.to_string()),
            Some("size") => crate::Size::parse(text)
                .is_none()
                .then(|| format!("expected a size such as \"10MiB\", found {text:?}")),
            Some("command") => crate::Command::split(text).err(),
            Some("path") => (!text.starts_with('/'))
                .then(|| format!("expected a path that begins with /, found \"{text}\"")),
            _ => None,
        };
        self.mistakes.extend(mistake.map(|message| Mistake::new(at, message)));
    }
}

fn node_of_item(item: &Item) -> Option<Node<'_>> {
    match item {
        Item::None => None,
        Item::Value(value) => Some(node_of_value(value)),
        Item::Table(table) => Some(Node::Table(table)),
        Item::ArrayOfTables(tables) => {
            let items = tables.iter().map(|table| {
                let node: &dyn TableLike = table;
                (table.span().unwrap_or(0..0), Node::Table(node))
            });
            Some(Node::List(items.collect()))
        }
    }
}

fn node_of_value(value: &Value) -> Node<'_> {
    match value {
        Value::String(text) => Node::Text(text.value()),
        Value::Integer(number) => Node::Whole(*number.value()),
        Value::Float(_) => Node::Fraction,
        Value::Boolean(_) => Node::Bool,
        Value::Datetime(_) => Node::Date,
        Value::Array(items) => Node::List(
            items.iter().map(|item| (item.span().unwrap_or(0..0), node_of_value(item))).collect(),
        ),
        Value::InlineTable(table) => Node::Table(table),
    }
}

/// The words of an enumeration, where the schema is one. Documented words are a `oneOf` of
/// constants, others an `enum`.
fn choices(schema: &Json) -> Option<Vec<&str>> {
    let words = |list: &'_ Vec<Json>| list.len();
    if let Some(list) = schema["enum"].as_array().filter(|list| words(list) > 0) {
        return Some(list.iter().filter_map(Json::as_str).collect());
    }
    let mut all = Vec::new();
    for option in schema["oneOf"].as_array()? {
        match (option["const"].as_str(), option["enum"].as_array()) {
            (Some(word), _) => all.push(word),
            (None, Some(list)) => all.extend(list.iter().filter_map(Json::as_str)),
            (None, None) => return None,
        }
    }
    Some(all)
}

fn types(schema: &Json) -> Vec<&str> {
    match &schema["type"] {
        Json::String(name) => vec![name],
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
        _ if choices(schema).is_some() => vec!["string"],
        _ => Vec::new(),
    }
}

fn fits(node: &Node<'_>, schema: &Json) -> bool {
    let types = types(schema);
    types.is_empty()
        || types.iter().any(|name| match node {
            Node::Table(_) => *name == "object",
            Node::List(_) => *name == "array",
            Node::Text(_) => *name == "string",
            Node::Whole(_) => *name == "integer" || *name == "number",
            Node::Fraction => *name == "number",
            Node::Bool => *name == "boolean",
            Node::Date => false,
        })
}

fn kind(name: &str) -> &str {
    match name {
        "object" => "a table",
        "array" => "a list",
        "string" => "a text in quotes",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        other => other,
    }
}

fn found(node: &Node<'_>) -> String {
    match node {
        Node::Table(_) => "a table".to_owned(),
        Node::List(_) => "a list".to_owned(),
        Node::Text(text) => format!("the text {text:?}"),
        Node::Whole(number) => format!("the number {number}"),
        Node::Fraction => "a fraction".to_owned(),
        Node::Bool => "a boolean".to_owned(),
        Node::Date => "a date".to_owned(),
    }
}

fn first_sentence(text: &str) -> String {
    let text = text.replace('\n', " ");
    text.split_inclusive(". ").next().unwrap_or(&text).trim().to_owned()
}

/// The valid name that was probably meant.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
