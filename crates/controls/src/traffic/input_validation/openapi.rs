//! Good requests from a document of the interface (OpenAPI 3.x, Swagger 2.0): examples where it has
//! them, made-up values of the right type otherwise.

use std::cell::Cell;

use client::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::surface::tour::path_of;

/// How deep a schema is followed.
const DEPTH: usize = 8;
/// How many values are made for one schema: one that holds itself ten times has 10^8 within `DEPTH`.
const MOST: usize = 1000;
/// How long a text is made for a `minLength`.
const LONGEST: usize = 64 * 1024;
/// What stands in a path or a query as it is.
const PLAIN: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b',');
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One request for each operation. Credentials are those of the good requests; what changes things
/// carries a body that fits its schema.
pub(crate) fn requests(document: &Value, good: &[Request]) -> Vec<Request> {
    let credentials: Vec<_> = good
        .iter()
        .flat_map(|request| &request.headers)
        .filter(|(name, _)| !name.eq_ignore_ascii_case("content-type"))
        .cloned()
        .collect();
    let server = document["servers"][0]["url"].as_str().filter(|url| url.starts_with('/'));
    // Swagger 2.0 says it in another way.
    let prefix = server.or_else(|| document["basePath"].as_str());
    let prefix = prefix.unwrap_or_default().trim_end_matches('/');
    let mut all = Vec::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, item) in paths {
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                let request =
                    request(document, (method, &format!("{prefix}{path}")), item, operation);
                all.push(with(request, &credentials));
            }
        }
    }
    all.retain(|request| {
        !good.iter().any(|g| g.method == request.method && path_of(g) == request.target)
    });
    all
}

fn with(mut request: Request, credentials: &[(String, String)]) -> Request {
    for (name, value) in credentials {
        let known = request.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !known {
            request = request.header(name, value);
        }
    }
    request
}

fn request(
    document: &Value,
    (method, path): (&str, &str),
    item: &Value,
    operation: &Value,
) -> Request {
    let mut target = path.to_owned();
    let mut query = Vec::new();
    let mut fields = Vec::new();
    let mut own_body = None;
    let both = [&item["parameters"], &operation["parameters"]];
    for parameter in both.into_iter().filter_map(Value::as_array).flatten() {
        let parameter = resolved(document, parameter);
        let Some(name) = parameter["name"].as_str() else { continue };
        // Swagger 2.0 has the type in the parameter itself.
        let schema = parameter.get("schema").unwrap_or(parameter);
        let value = match parameter.get("example") {
            Some(example) => example.clone(),
            None => Maker::new(document).value(schema, 0),
        };
        if parameter["in"] == "body" {
            own_body = Some(value);
            continue;
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text = utf8_percent_encode(&text, PLAIN);
        match parameter["in"].as_str() {
            Some("path") => {
                target = target.replace(&format!("{{{name}}}"), &text.to_string());
            }
            Some("query") => {
                query.push(format!("{}={text}", utf8_percent_encode(name, PLAIN)));
            }
            Some("formData") => fields.push(format!("{}={text}", utf8_percent_encode(name, PLAIN))),
            _ => {}
        }
    }
    if !query.is_empty() {
        target = format!("{target}?{}", query.join("&"));
    }
    let mut request = Request::new(&method.to_uppercase(), &target);
    let body = resolved(document, &operation["requestBody"]);
    let made = |content: &Value| match content.get("example") {
        Some(example) => example.clone(),
        None => Maker::new(document).value(&content["schema"], 0),
    };
    let (json, form) = (&body["content"][JSON], &body["content"][FORM]);
    if json.is_object() {
        own_body = Some(made(json));
    } else if form.is_object() {
        let value = made(form);
        for (name, value) in value.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let text = utf8_percent_encode(&text, PLAIN);
            fields.push(format!("{}={text}", utf8_percent_encode(name, PLAIN)));
        }
    }
    if let Some(body) = own_body {
        request = request.header("Content-Type", JSON).body(body.to_string());
    } else if !fields.is_empty() {
        request = request.header("Content-Type", FORM).body(fields.join("&"));
    }
    request
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// What a `$ref` within the document refers to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

/// Makes values that fit a schema.
struct Maker<'a> {
    document: &'a Value,
    left: Cell<usize>,
}

impl<'a> Maker<'a> {
    fn new(document: &'a Value) -> Self {
        Self { document, left: Cell::new(MOST) }
    }

    fn value(&self, schema: &Value, depth: usize) -> Value {
        let schema = resolved(self.document, schema);
        for key in ["example", "default", "const"] {
            if let Some(value) = schema.get(key) {
                return value.clone();
            }
        }
        if let Some(value) = schema["enum"].as_array().and_then(|values| values.first()) {
            return value.clone();
        }
        let Some(left) = self.left.get().checked_sub(1).filter(|_| depth <= DEPTH) else {
            return Value::Null;
        };
        self.left.set(left);
        let made = |schema: &Value| self.value(schema, depth + 1);
        if let Some(parts) = schema["allOf"].as_array() {
            let members = parts.iter().filter_map(|part| made(part).as_object().cloned());
            return Value::Object(members.flatten().collect());
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(first) = schema[key].as_array().and_then(|choices| choices.first()) {
                return made(first);
            }
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.first().and_then(Value::as_str),
            other => other.as_str(),
        };
        match kind {
            Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
            Some("boolean") => json!(true),
            Some("array") => json!([made(&schema["items"])]),
            Some("string") => json!(text(schema)),
            _ => {
                let members = schema["properties"].as_object().into_iter().flatten();
                let members = members.map(|(name, schema)| (name.clone(), made(schema)));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}

fn text(schema: &Value) -> String {
    match schema["format"].as_str() {
        Some("email") => "somebody@example.com".to_owned(),
        Some("uuid") => "0198f7a1-0000-4000-8000-000000000001".to_owned(),
        Some("date") => "2026-11-21".to_owned(),
        Some("date-time") => "2026-11-21T00:00:00Z".to_owned(),
        Some("uri") => "https://example.com/".to_owned(),
        _ => {
            let least = schema["minLength"].as_u64().and_then(|n| usize::try_from(n).ok());
            "word".repeat(least.unwrap_or(0).min(LONGEST) / 4 + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_becomes_a_request() {
        let document = json!({
            "paths": {
                "/items/{id}": {
                    "parameters": [{ "name": "id", "in": "path", "schema": { "type": "integer" } }],
                    "get": { "parameters": [{ "name": "q", "in": "query", "example": "a" }] }
                },
                "/items": { "post": { "requestBody": { "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/Item" } } } } } }
            },
            "components": { "schemas": { "Item": { "type": "object", "properties": {
                "name": { "type": "string", "minLength": 6 }, "count": { "type": "integer", "minimum": 3 }
            } } } }
        });
        let good = [Request::get("/me").header("Authorization", "Bearer t")];
        let all = requests(&document, &good);
        assert_eq!(all[0].target, "/items/1?q=a");
        assert_eq!(all[1].body, br#"{"name":"wordword","count":3}"#);
        assert!(all[1].headers.iter().any(|(name, _)| name == "Authorization"));
    }

    #[test]
    fn swagger_2_has_its_base_path_its_types_and_its_bodies() {
        let document = json!({
            "swagger": "2.0",
            "basePath": "/api/v1/",
            "paths": {
                "/items/{id}": { "get": { "parameters": [
                    { "name": "id", "in": "path", "type": "integer", "minimum": 7 }] } },
                "/items": { "post": { "parameters": [
                    { "name": "item", "in": "body", "schema": { "$ref": "#/definitions/Item" } }] } },
                "/forms": { "post": { "parameters": [
                    { "name": "a b", "in": "formData", "type": "string" }] } }
            },
            "definitions": { "Item": { "type": "object", "properties": { "name": { "type": "string" } } } }
        });
        let all = requests(&document, &[]);
        let find = |target: &str| all.iter().find(|r| r.target == target).expect(target);
        find("/api/v1/items/7");
        assert_eq!(find("/api/v1/items").body, br#"{"name":"word"}"#);
        assert_eq!(find("/api/v1/forms").body, b"a%20b=word");
    }

    #[test]
    fn a_schema_that_holds_itself_ends() {
        let document =
            json!({ "a": { "type": "object", "properties": { "a": { "$ref": "#/a" } } } });
        assert!(Maker::new(&document).value(&document["a"], 0).is_object());
    }

    #[test]
    fn a_schema_that_holds_itself_many_times_ends_soon() {
        let many: Map<_, _> =
            (0..20).map(|n| (format!("p{n}"), json!({ "$ref": "#/a" }))).collect();
        let document = json!({ "a": { "type": "object", "properties": many } });
        let maker = Maker::new(&document);
        assert!(maker.value(&document["a"], 0).is_object());
        assert_eq!(maker.left.get(), 0);
    }

    #[test]
    fn a_document_cannot_ask_for_endless_texts_or_break_the_request_line() {
        let document = json!({ "paths": { "/a/{id}": { "get": { "parameters": [
            { "name": "id", "in": "path", "example": "a b\r\nX: y" },
            { "name": "q", "in": "query", "schema": { "type": "string", "minLength": u64::MAX } },
        ] } } } });
        let target = &requests(&document, &[])[0].target;
        assert!(target.starts_with("/a/a%20b%0D%0AX:%20y?q=word"), "{}", &target[..40]);
        assert!(target.len() < 2 * LONGEST);
    }
}
