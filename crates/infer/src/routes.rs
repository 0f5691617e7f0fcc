//! Routes as the source declares them, for a service without a description of its interface.

mod fields;

use regex_lite::Regex;

use crate::repository::Repository;

pub use fields::{Field, FieldKind};

/// A route without parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    pub method: String,
    pub path: String,
    /// The members of the body, for one that writes.
    pub fields: Vec<Field>,
    pub from: String,
}

/// How frameworks declare a route: method and path.
const DECLARATIONS: &[&str] = &[
    // Express, Koa, Fastify, Hono, FastAPI, Flask 2, Sinatra's sisters.
    r#"\.(get|post)\(\s*['"](/[^'"{}:<>*]*)['"]"#,
    // gin, chi, echo.
    r#"\.(GET|POST|Get|Post)\(\s*"(/[^"{}:*]*)""#,
    // net/http with patterns, since Go 1.22.
    r#"HandleFunc\("(GET|POST) (/[^"{}]*)""#,
    // Spring.
    r#"@(Get|Post)Mapping\((?:value\s*=\s*)?"(/[^"{}]*)""#,
    // Flask.
    r#"\.(route)\(\s*['"](/[^'"{}:<>*]*)['"]"#,
    // Django.
    r#"\b(path)\(\s*['"]([^'"<>]*)['"]"#,
    // Sinatra.
    r#"(?m)^\s*(get|post)\s+['"](/[^'"{}:*]*)['"]"#,
];
/// axum: `.route("/notes", get(list).post(make))`.
const AXUM: &str = r#"^\s*"(/[^"{}:*]*)",\s*([^;\n]*)"#;
/// More say nothing more.
const MOST: usize = 12;

pub(crate) fn find(repository: &Repository) -> Vec<Route> {
    let patterns: Vec<Regex> = DECLARATIONS.iter().filter_map(|p| Regex::new(p).ok()).collect();
    let axum = Regex::new(AXUM).ok();
    let mut all: Vec<Route> = Vec::new();
    for (path, text) in repository.source() {
        let mut found: Vec<(String, String)> = Vec::new();
        for pattern in &patterns {
            let one = |c: regex_lite::Captures<'_>| {
                let method = match &c[1] {
                    "route" | "path" => "GET".to_owned(),
                    method => method.to_uppercase(),
                };
                (method, format!("/{}", c[2].trim_start_matches('/')))
            };
            found.extend(pattern.captures_iter(text).map(one));
        }
        // Several stand on one line.
        let routes = text.split(".route(").skip(1);
        for captures in routes.filter_map(|route| axum.as_ref()?.captures(route)) {
            for (word, method) in [("get(", "GET"), ("post(", "POST")] {
                if captures[2].contains(word) {
                    found.push((method.to_owned(), captures[1].to_owned()));
                }
            }
        }
        for (method, route) in found {
            let known = all.iter().any(|one| one.method == method && one.path == route);
            if !known && all.len() < MOST {
                let fields = if method == "POST" { of_body(repository, text) } else { Vec::new() };
                all.push(Route { method, path: route, fields, from: path.clone() });
            }
        }
    }
    all
}

/// What its own file reads, or, where that reads nothing, what any file does.
fn of_body(repository: &Repository, text: &str) -> Vec<Field> {
    let own = fields::find(text);
    let others = || repository.source().iter().map(|(_, text)| fields::find(text));
    if own.is_empty() { others().find(|found| !found.is_empty()).unwrap_or_default() } else { own }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Vec<(String, String, Vec<String>)> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(name), text).expect("it is written");
        let routes = find(&Repository::read(folder.path()));
        let names = |fields: Vec<Field>| fields.into_iter().map(|field| field.name).collect();
        routes.into_iter().map(|one| (one.method, one.path, names(one.fields))).collect()
    }

    #[test]
    fn routes_of_many_frameworks_are_found() {
        let text = "app.post('/notes', (req, res) => { const { title, text } = req.body; });\n\
                    app.get('/notes/:id', f); app.get('/notes', g);";
        let found = of("app.js", text);
        assert_eq!(found[0].0, "POST");
        assert_eq!(found[0].2, ["text", "title"]);
        assert_eq!(found.len(), 2);
        assert_eq!(of("main.go", "r.GET(\"/ping\", ping)")[0].1, "/ping");
        let axum = ".route(\"/items\", get(list).post(make)).route(\"/a\", get(a))";
        let found = of("main.rs", axum);
        assert_eq!(found.len(), 3, "{found:?}");
        let has =
            |method: &str, path: &str| found.iter().any(|one| one.0 == method && one.1 == path);
        assert!(has("POST", "/items") && has("GET", "/a") && !has("POST", "/a"), "{found:?}");
        assert_eq!(of("A.java", "@GetMapping(\"/hello\")")[0].1, "/hello");
        assert_eq!(of("app.rb", "get '/' do\n  'x'\nend")[0].1, "/");
    }
}
