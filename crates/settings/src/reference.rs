//! What is derived from the types: the JSON schema and the reference page.

use serde_json::Value as Json;

use crate::manifest::Manifest;

/// The JSON schema of the manifest (draft 2020-12).
pub fn schema() -> Json {
    let schema = schemars::generate::SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Manifest>();
    schema.to_value()
}

/// The reference of every table and key, as Markdown.
pub fn markdown() -> String {
    let schema = schema();
    let mut page = String::from(
        "# The manifest, key by key\n\nGenerated from the types by `cargo xtask gen`; do not edit.\n",
    );
    let properties = schema["properties"].as_object();
    for (name, section) in properties.into_iter().flatten() {
        table(&schema, &mut page, name, section, 2);
    }
    let probe = &schema["$defs"]["ProbeTable"];
    table(&schema, &mut page, "a probe as a table", probe, 2);
    page
}

fn resolve<'a>(root: &'a Json, schema: &'a Json) -> &'a Json {
    if let Some(name) = schema["$ref"].as_str() {
        return root.pointer(name.trim_start_matches('#')).unwrap_or(schema);
    }
    let options = schema["anyOf"].as_array();
    let table = options.into_iter().flatten().find(|option| option["type"] != "null");
    match table {
        Some(option) if option["$ref"].is_string() => resolve(root, option),
        _ => schema,
    }
}

fn table(root: &Json, page: &mut String, path: &str, schema: &Json, level: usize) {
    let about = schema["description"].as_str();
    let resolved = resolve(root, schema);
    let mut path = path.to_owned();
    let mut body = resolved;
    if body["additionalProperties"].is_object() {
        body = resolve(root, &body["additionalProperties"]);
        if body["type"] == "string" {
            let about = about.unwrap_or_default();
            let hashes = "#".repeat(level);
            page.push_str(&format!(
                "\n{hashes} `[{path}]`\n{about}\n\n`NAME = \"text\"`, as many as there are.\n"
            ));
            return;
        }
        path.push_str(".NAME");
    }
    let about = about.or(body["description"].as_str()).unwrap_or_default();
    page.push_str(&format!("\n{} `[{path}]`\n{about}\n", "#".repeat(level)));
    let Some(properties) = body["properties"].as_object() else { return };
    let required = body["required"].as_array();
    let nested = path == "controls";
    if !nested {
        page.push_str("\n| key | type | default | meaning |\n|---|---|---|---|\n");
    }
    for (name, schema) in properties {
        if nested {
            table(root, page, &format!("{path}.{name}"), schema, level + 1);
            continue;
        }
        let must = required.is_some_and(|all| all.iter().any(|one| one == name.as_str()));
        let default = match &schema["default"] {
            _ if must => "required".to_owned(),
            Json::Null => "–".to_owned(),
            value => format!("`{value}`"),
        };
        let about = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
        let kind = kind(root, schema);
        page.push_str(&format!("| `{name}` | {kind} | {default} | {about} |\n"));
    }
}

fn kind(root: &Json, schema: &Json) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        let target = resolve(root, schema);
        if let Some(words) = words(target) {
            return words;
        }
        return name.rsplit('/').next().unwrap_or(name).to_lowercase();
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let kinds = options.iter().filter(|option| option["type"] != "null");
        return kinds.map(|option| kind(root, option)).collect::<Vec<_>>().join(" or ");
    }
    if let Some(words) = words(schema) {
        return words;
    }
    match &schema["type"] {
        Json::String(name) if name == "array" => {
            format!("list of {}", kind(root, &schema["items"]))
        }
        Json::String(name) => name.clone(),
        Json::Array(names) => {
            let names = names.iter().filter_map(Json::as_str).filter(|name| *name != "null");
            names.collect::<Vec<_>>().join(" or ")
        }
        _ => "table".to_owned(),
    }
}

fn words(schema: &Json) -> Option<String> {
    let constant = |option: &Json| option["const"].as_str().map(|word| format!("`{word}`"));
    let words: Vec<_> = match (&schema["oneOf"], &schema["enum"]) {
        (Json::Array(options), _) => options.iter().filter_map(constant).collect(),
        (_, Json::Array(words)) => {
            words.iter().filter_map(Json::as_str).map(|word| format!("`{word}`")).collect()
        }
        _ => return None,
    };
    Some(words.join(", "))
}
