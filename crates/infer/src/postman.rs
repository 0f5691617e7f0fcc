//! Requests of a Postman collection (v2.0 and v2.1): what a team sends by hand. Scripts are left
//! out, and so are credentials.

use serde_json::Value;

use crate::repository::Repository;

/// A request as it stands in a collection; `{{name}}` stands for what an earlier answer gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub from: String,
}

/// Where collections are kept.
const FOLDERS: [&str; 8] =
    ["", "postman", "docs", "docs/postman", "test", "tests", "api", ".postman"];
/// More say nothing more.
const MOST: usize = 40;
/// What only a browser, a proxy or this client itself says.
const NOT_SENT: [&str; 7] = [
    "host",
    "content-length",
    "connection",
    "cookie",
    "postman-token",
    "user-agent",
    "accept-encoding",
];

pub(crate) fn find(repository: &Repository) -> Vec<Call> {
    let mut calls = Vec::new();
    for folder in FOLDERS {
        for name in repository.list(folder) {
            if !name.ends_with(".json") || !name.to_ascii_lowercase().contains("postman") {
                continue;
            }
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if let Some(collection) = repository.json(&path) {
                let given = Given::of(&collection);
                items(&collection, &given, None, &path, &mut calls);
            }
        }
    }
    calls.truncate(MOST);
    calls
}

/// The variables of a collection.
struct Given(Vec<(String, String)>);

impl Given {
    fn of(collection: &Value) -> Self {
        let all = collection["variable"].as_array().into_iter().flatten();
        let pair = |one: &Value| {
            let (name, value) = (one["key"].as_str()?, one["value"].as_str()?);
            (!value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
        };
        Self(all.filter_map(pair).collect())
    }

    fn fill(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{{{{name}}}}}"), value)
        })
    }
}

/// The requests below an item, in their order. `auth` is what is inherited.
fn items(item: &Value, given: &Given, auth: Option<&Value>, from: &str, calls: &mut Vec<Call>) {
    let auth = item.get("auth").filter(|auth| !auth.is_null()).or(auth);
    for one in item["item"].as_array().into_iter().flatten() {
        items(one, given, auth, from, calls);
    }
    if let Some(request) = item.get("request") {
        calls.extend(call(request, given, auth, from));
    }
}

fn call(request: &Value, given: &Given, auth: Option<&Value>, from: &str) -> Option<Call> {
    let url = &request["url"];
    let raw = url.as_str().or(url["raw"].as_str()).or(request.as_str())?;
    let method = request["method"].as_str().unwrap_or("GET").to_uppercase();
    let target = path(&given.fill(raw))?;
    let mut headers = Vec::new();
    for header in request["header"].as_array().into_iter().flatten() {
        let (Some(name), Some(value)) = (header["key"].as_str(), header["value"].as_str()) else {
            continue;
        };
        let lower = name.to_ascii_lowercase();
        let value = given.fill(value);
        // A credential in a file is somebody's own; one that an answer gives is not there yet.
        let own = lower == "authorization" && !value.contains("{{");
        if header["disabled"] != true && !NOT_SENT.contains(&lower.as_str()) && !own {
            headers.push((name.to_owned(), value));
        }
    }
    let auth = request.get("auth").filter(|auth| !auth.is_null()).or(auth);
    if let Some(token) = auth.and_then(bearer).map(|token| given.fill(&token))
        && token.contains("{{")
    {
        headers.push(("Authorization".to_owned(), format!("Bearer {token}")));
    }
    let body = body(&request["body"], given, &mut headers)?;
    Some(Call { method, target, headers, body, from: from.to_owned() })
}

/// The path and query of an address; none where the address is of something else altogether.
fn path(raw: &str) -> Option<String> {
    let raw = raw.split('#').next().unwrap_or_default();
    let rest = match raw.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None if raw.starts_with('/') => raw,
        // {{baseUrl}}/users, or localhost:3000/users
        None => raw.find('/').map_or("/", |at| &raw[at..]),
    };
    // `:id` is a variable of the path.
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(path, q)| (path, Some(q)));
    let parts = rest.split('/').map(|part| match part.strip_prefix(':') {
        Some(name) if !name.is_empty() => format!("{{{{{name}}}}}"),
        _ => part.to_owned(),
    });
    let mut path = parts.collect::<Vec<_>>().join("/");
    if let Some(query) = query {
        path = format!("{path}?{query}");
    }
    (!path.chars().any(|c| c.is_whitespace() || c.is_control())).then_some(path)
}

/// `{"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}"}]}`, or an object in v2.0.
fn bearer(auth: &Value) -> Option<String> {
    if auth["type"] != "bearer" {
        return None;
    }
    let list = auth["bearer"].as_array().into_iter().flatten();
    let of_list = list.filter(|one| one["key"] == "token").find_map(|one| one["value"].as_str());
    of_list.or(auth["bearer"]["token"].as_str()).map(str::to_owned)
}

/// The text of a body: JSON and forms. None where it is of a kind that a journey has no words for.
fn body(body: &Value, given: &Given, headers: &mut Vec<(String, String)>) -> Option<String> {
    let mut says = |kind: &str| {
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".to_owned(), kind.to_owned()));
        }
    };
    match body["mode"].as_str() {
        None => Some(String::new()),
        Some("raw") => {
            let text = given.fill(body["raw"].as_str().unwrap_or_default());
            match serde_json::from_str::<Value>(&text) {
                Ok(mut value) => {
                    says("application/json");
                    own_person(&mut value);
                    Some(value.to_string())
                }
                Err(_) if text.trim().is_empty() => Some(String::new()),
                Err(_) => None,
            }
        }
        Some("urlencoded") => {
            says("application/x-www-form-urlencoded");
            let fields = body["urlencoded"].as_array().into_iter().flatten();
            let pairs = fields.filter(|field| field["disabled"] != true).filter_map(|field| {
                let (name, value) = (field["key"].as_str()?, field["value"].as_str()?);
                let value = person(name, &given.fill(value));
                // Only what a form must escape; placeholders stay.
                let value = value.replace('%', "%25").replace('&', "%26").replace('+', "%2B");
                Some(format!("{name}={}", value.replace(' ', "+")))
            });
            Some(pairs.collect::<Vec<_>>().join("&"))
        }
        Some(_) => None,
    }
}

/// Each walk of a journey is another person: fixed names would collide at the second.
fn own_person(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) => *text = person(name, text),
                    other => own_person(other),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(own_person),
        _ => {}
    }
}

fn person(name: &str, value: &str) -> String {
    let name = name.to_ascii_lowercase();
    match () {
        () if value.contains("{{") => value.to_owned(),
        () if name.contains("mail") && value.contains('@') => "{{unique}}@example.com".to_owned(),
        () if ["username", "user", "login", "handle", "nickname"].contains(&name.as_str()) => {
            if value.contains('@') { "{{unique}}@example.com" } else { "{{unique}}" }.to_owned()
        }
        () => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_s_requests_are_read_in_their_order() {
        let text = r#"{"info": {"schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
          "variable": [{"key": "base", "value": "http://localhost:3000/api"}],
          "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}"}]},
          "item": [
            {"name": "auth", "item": [
              {"request": {"method": "POST", "url": {"raw": "{{base}}/register"},
                "header": [{"key": "X-A", "value": "1"}, {"key": "Cookie", "value": "secret"},
                           {"key": "Authorization", "value": "Bearer abc"}],
                "auth": {"type": "noauth"},
                "body": {"mode": "raw", "raw": "{\"email\": \"ann@shop.example\", \"password\": \"pw\"}"}}}]},
            {"request": {"method": "GET", "url": "{{url}}/items/:id?full=1"}},
            {"request": {"method": "POST", "url": "{{base}}/file", "body": {"mode": "formdata"}}},
            {"request": {"method": "POST", "url": "{{base}}/form",
               "body": {"mode": "urlencoded", "urlencoded": [{"key": "username", "value": "ann"}, {"key": "q", "value": "a b&c"}]}}}
          ]}"#;
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("shop.postman_collection.json"), text).expect("written");
        let calls = find(&Repository::read(folder.path()));
        let told: Vec<_> =
            calls.iter().map(|call| format!("{} {}", call.method, call.target)).collect();
        assert_eq!(told, ["POST /api/register", "GET /items/{{id}}?full=1", "POST /api/form"]);
        assert_eq!(calls[0].body, r#"{"email":"{{unique}}@example.com","password":"pw"}"#);
        let names: Vec<_> = calls[0].headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["X-A", "Content-Type"], "no credential of theirs");
        assert!(calls[1].headers.contains(&("Authorization".into(), "Bearer {{token}}".into())));
        assert_eq!(calls[2].body, "username={{unique}}&q=a+b%26c");
    }

    #[test]
    fn odd_collections_are_no_reason_to_fail() {
        for text in ["[]", "{}", r#"{"item": [{"request": {}}, {"request": "http://x/y"}, 3]}"#] {
            let folder = tempfile::tempdir().expect("a folder");
            std::fs::write(folder.path().join("postman.json"), text).expect("written");
            assert!(find(&Repository::read(folder.path())).len() <= 1);
        }
    }
}
