//! Reading a `.hurl` file.

use crate::query::{Assert, Query};

/// A path that a user takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    pub entries: Vec<Entry>,
}

/// One request and what is expected of its answer. Texts may hold `{{variables}}`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Entry {
    /// The line of the request, from 1.
    pub line: usize,
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    pub form: Vec<(String, String)>,
    /// The text fields of a `multipart/form-data` body.
    pub multipart: Vec<(String, String)>,
    pub cookies: Vec<(String, String)>,
    pub basic_auth: Option<(String, String)>,
    pub body: Option<String>,
    /// The expected status; `None` accepts any.
    pub status: Option<u16>,
    pub expected_headers: Vec<(String, String)>,
    pub captures: Vec<(String, Query)>,
    pub asserts: Vec<(usize, Assert)>,
}

/// What the path of a step is called that ends a session.
const LOG_OUTS: [&str; 6] = ["logout", "log-out", "log_out", "signout", "sign-out", "sign_out"];

impl Journey {
    /// The steps without a log-out at the end, after which nothing of the session is taken any more.
    pub fn before_log_out(&self) -> &[Entry] {
        let logs_out = |entry: &Entry| {
            let url = entry.url.to_ascii_lowercase();
            let path = url.split('?').next().unwrap_or_default();
            let ends_session = entry.method == "DELETE"
                && ["session", "token", "login"].iter().any(|word| path.contains(word));
            ends_session || LOG_OUTS.iter().any(|word| path.contains(word))
        };
        let last = self.entries.iter().rposition(|entry| !logs_out(entry));
        &self.entries[..last.map_or(0, |last| last + 1)]
    }

    /// The first step that cannot be taken whatever the service answers: one that uses a variable
    /// which nothing before it captures, or that leads to another host. `known` says which other
    /// variables have a value.
    pub fn impossible(&self, known: impl Fn(&str) -> bool) -> Option<Mistake> {
        let mut captured: Vec<&str> = vec!["base", "host", "unique", "newUuid"];
        for entry in &self.entries {
            if entry.url.starts_with("http://") || entry.url.starts_with("https://") {
                let text =
                    format!("{} is another host; write a path or {{{{base}}}}/path", entry.url);
                return Some(mistake(entry.line, text));
            }
            let unknown = entry
                .texts()
                .flat_map(variables)
                .find(|name| !captured.contains(name) && !known(name));
            if let Some(name) = unknown {
                let text =
                    format!("the variable {name} has no value; capture it in an earlier step");
                return Some(mistake(entry.line, text));
            }
            captured.extend(entry.captures.iter().map(|(name, _)| name.as_str()));
        }
        None
    }
}

impl Entry {
    /// Whether its request carries a body of any sort.
    pub fn has_body(&self) -> bool {
        self.body.is_some() || !self.form.is_empty() || !self.multipart.is_empty()
    }

    /// The values of its form's fields, urlencoded or multipart.
    pub fn form_values(&self) -> impl Iterator<Item = &str> {
        self.form.iter().chain(&self.multipart).map(|(_, value)| value.as_str())
    }

    /// Every text of the request that may hold variables.
    fn texts(&self) -> impl Iterator<Item = &str> {
        let pairs = [&self.headers, &self.query, &self.form, &self.multipart, &self.cookies];
        let pairs = pairs.into_iter().flatten().chain(&self.basic_auth);
        let single = [Some(self.url.as_str()), self.body.as_deref()].into_iter().flatten();
        single.chain(pairs.flat_map(|(name, value)| [name.as_str(), value.as_str()]))
    }
}

/// The names between double braces.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    text.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.trim()))
}

/// What is wrong with a file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Mistake {
    pub line: usize,
    pub message: String,
}

pub(crate) fn mistake(line: usize, message: impl Into<String>) -> Mistake {
    Mistake { line, message: message.into() }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Headers,
    Query,
    Form,
    Multipart,
    Cookies,
    BasicAuth,
    AnswerHeaders,
    Captures,
    Asserts,
}

const UNSUPPORTED: &[&str] = &["Options"];

/// Reads a file.
///
/// # Errors
/// The first thing that is not of the subset, at its line.
pub fn parse(text: &str) -> Result<Journey, Mistake> {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
    let mut reader = Reader { lines, at: 0, entries: Vec::new(), part: Part::Headers };
    while reader.at < reader.lines.len() {
        reader.line()?;
    }
    if reader.entries.is_empty() {
        return Err(mistake(1, "expected a request such as GET /items, found none"));
    }
    Ok(Journey { entries: reader.entries })
}

struct Reader<'a> {
    lines: Vec<&'a str>,
    at: usize,
    entries: Vec<Entry>,
    part: Part,
}

impl Reader<'_> {
    fn line(&mut self) -> Result<(), Mistake> {
        let number = self.at + 1;
        let raw = self.lines[self.at];
        let line = raw.trim();
        if line.is_empty() || line.starts_with('#') {
            self.at += 1;
            return Ok(());
        }
        if let Some((method, url)) = request_line(line) {
            self.at += 1;
            self.part = Part::Headers;
            let (method, url) = (method.to_owned(), url.to_owned());
            self.entries.push(Entry { line: number, method, url, ..Entry::default() });
            return Ok(());
        }
        let part = self.part;
        let Some(entry) = self.entries.last_mut() else {
            return Err(mistake(
                number,
                format!("expected a request such as GET /items, found {line:?}"),
            ));
        };
        if let Some(status) = status_line(line) {
            entry.status = status.map_err(|found| {
                mistake(
                    number,
                    format!("expected a status such as HTTP 200 or HTTP *, found {found:?}"),
                )
            })?;
            self.part = Part::AnswerHeaders;
        } else if let Some(section) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            match section_part(section) {
                Some(part) => self.part = part,
                None if part == Part::Headers && !UNSUPPORTED.contains(&section) => {
                    return self.body();
                }
                None => return Err(mistake(number, format!("[{section}] is not supported"))),
            }
        } else if starts_body(line) && part_takes_body(part) {
            return self.body();
        } else {
            self.field(line, number)?;
        }
        self.at += 1;
        Ok(())
    }

    fn field(&mut self, line: &str, number: usize) -> Result<(), Mistake> {
        let part = self.part;
        let Some(entry) = self.entries.last_mut() else { return Ok(()) };
        if part == Part::Asserts {
            let assert = Assert::parse(line).map_err(|message| mistake(number, message))?;
            entry.asserts.push((number, assert));
            return Ok(());
        }
        let pair = line.split_once(':').map(|(k, v)| (k.trim().to_owned(), v.trim().to_owned()));
        let Some((key, value)) = pair.filter(|(key, _)| !key.is_empty() && !key.contains(' '))
        else {
            return Err(mistake(number, format!("expected name: value, found {line:?}")));
        };
        match part {
            Part::Headers => entry.headers.push((key, value)),
            Part::Query => entry.query.push((key, value)),
            Part::Form => entry.form.push((key, value)),
            Part::Multipart if value.starts_with("file,") => {
                return Err(mistake(number, "files in [Multipart] are not supported, only texts"));
            }
            Part::Multipart => entry.multipart.push((key, value)),
            Part::Cookies => entry.cookies.push((key, value)),
            Part::BasicAuth => entry.basic_auth = Some((key, value)),
            Part::AnswerHeaders => entry.expected_headers.push((key, value)),
            Part::Captures => {
                let query = Query::parse(&value).map_err(|message| mistake(number, message))?;
                entry.captures.push((key, query));
            }
            Part::Asserts => {}
        }
        Ok(())
    }

    /// A body: JSON up to the line that closes it, a multi-line text between fences, or a line
    /// between backticks.
    fn body(&mut self) -> Result<(), Mistake> {
        let number = self.at + 1;
        let first = self.lines[self.at].trim();
        let answers = !matches!(self.part, Part::AnswerHeaders | Part::Captures);
        let text = if let Some(rest) = first.strip_prefix("```") {
            self.fenced(rest, number)?
        } else if let Some(text) = first.strip_prefix('`').and_then(|line| line.strip_suffix('`')) {
            self.at += 1;
            text.to_owned()
        } else if first.starts_with('<') {
            return Err(mistake(number, "XML bodies are not supported"));
        } else {
            self.json(number)?
        };
        if !answers {
            return Err(mistake(number, "a body of the answer is not supported; use [Asserts]"));
        }
        if let Some(entry) = self.entries.last_mut() {
            entry.body = Some(text);
        }
        Ok(())
    }

    fn fenced(&mut self, language: &str, number: usize) -> Result<String, Mistake> {
        if !["", "json", "text", "txt", "raw"].contains(&language.trim()) {
            return Err(mistake(number, format!("a body of type {language} is not supported")));
        }
        let rest = &self.lines[self.at + 1..];
        let Some(end) = rest.iter().position(|line| line.trim() == "```") else {
            return Err(mistake(number, "expected a closing ```, found the end of the file"));
        };
        let text = rest[..end].join("\n");
        self.at += end + 2;
        Ok(text)
    }

    fn json(&mut self, number: usize) -> Result<String, Mistake> {
        let mut text = String::new();
        let mut depth = 0i32;
        let mut in_text = false;
        for (at, line) in self.lines[self.at..].iter().enumerate() {
            let mut escaped = false;
            for c in line.chars() {
                match c {
                    _ if escaped => escaped = false,
                    '\\' if in_text => escaped = true,
                    '"' => in_text = !in_text,
                    '{' | '[' if !in_text => depth += 1,
                    '}' | ']' if !in_text => depth -= 1,
                    _ => {}
                }
            }
            text.push_str(line);
            if depth <= 0 {
                self.at += at + 1;
                return Ok(text);
            }
            text.push('\n');
        }
        Err(mistake(number, "expected the end of this JSON body, found the end of the file"))
    }
}

fn request_line(line: &str) -> Option<(&str, &str)> {
    let (method, url) = line.split_once(' ')?;
    let is_method = method.len() >= 3 && method.chars().all(|c| c.is_ascii_uppercase());
    let url = url.trim();
    let is_url = url.starts_with('/') || url.starts_with("http") || url.starts_with("{{");
    (is_method && is_url && !method.starts_with("HTTP")).then_some((method, url))
}

/// `HTTP 200`, `HTTP/1.1 200`, `HTTP *`.
fn status_line(line: &str) -> Option<Result<Option<u16>, String>> {
    let rest = line.strip_prefix("HTTP")?;
    let rest = rest
        .strip_prefix("/1.1")
        .or(rest.strip_prefix("/1.0"))
        .or(rest.strip_prefix("/2"))
        .unwrap_or(rest);
    let status = rest.strip_prefix(' ')?.trim();
    Some(match status {
        "*" => Ok(None),
        text => text.parse().map(Some).map_err(|_| text.to_owned()),
    })
}

fn section_part(name: &str) -> Option<Part> {
    Some(match name {
        "QueryStringParams" | "Query" => Part::Query,
        "FormParams" | "Form" => Part::Form,
        "MultipartFormData" | "Multipart" => Part::Multipart,
        "Cookies" => Part::Cookies,
        "BasicAuth" => Part::BasicAuth,
        "Captures" => Part::Captures,
        "Asserts" => Part::Asserts,
        _ => return None,
    })
}

fn starts_body(line: &str) -> bool {
    let json = line.starts_with('{') && !line.starts_with("{{");
    json || line.starts_with('[') || line.starts_with('`') || line.starts_with('<')
}

fn part_takes_body(part: Part) -> bool {
    !matches!(part, Part::Asserts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = r#"# A customer orders.
POST /accounts
Content-Type: application/json
{
  "email": "{{unique}}@example.com",
  "odd": "} \" {"
}
HTTP 201

POST {{base}}/tokens
[FormParams]
user: a b
[BasicAuth]
bob: secret
HTTP/1.1 200
Content-Type: application/json
[Captures]
token: jsonpath "$.token"
[Asserts]
status < 300
jsonpath "$.items" count == 2

PUT /raw
```
two
lines
```
HTTP *
"#;

    #[test]
    fn a_log_out_at_the_end_is_left_out() {
        let steps = |text: &str| super::parse(text).expect("it is good");
        let journey =
            steps("POST /tokens\nHTTP 200\nGET /orders\nHTTP 200\nDELETE /tokens\nHTTP 204\n");
        assert_eq!(journey.before_log_out().len(), 2);
        let journey =
            steps("GET /logout\nHTTP 302\nGET /a\nHTTP 200\nPOST /users/sign_out?x=1\nHTTP 302\n");
        assert_eq!(journey.before_log_out().len(), 2, "one in the middle stays");
    }

    #[test]
    fn the_subset_is_read() {
        let journey = parse(ORDER).expect("it is good");
        let [first, second, third] = &journey.entries[..] else { panic!("{journey:?}") };
        assert_eq!(
            (first.method.as_str(), first.url.as_str(), first.line),
            ("POST", "/accounts", 2)
        );
        assert!(first.body.as_ref().is_some_and(|b| b.starts_with("{\n") && b.ends_with('}')));
        assert_eq!(first.status, Some(201));
        assert_eq!(second.form, [("user".to_owned(), "a b".to_owned())]);
        assert_eq!(second.basic_auth, Some(("bob".to_owned(), "secret".to_owned())));
        assert_eq!((second.captures.len(), second.asserts.len()), (1, 2));
        assert_eq!(second.expected_headers[0].0, "Content-Type");
        assert_eq!((third.body.as_deref(), third.status), (Some("two\nlines"), None));
    }

    #[test]
    fn what_is_not_supported_is_named_at_its_line() {
        for (text, line, words) in [
            ("", 1, "expected a request"),
            ("hello", 1, "expected a request"),
            ("GET /a\n[Options]\nretry: 3\n", 2, "[Options] is not supported"),
            ("POST /a\n<a/>\n", 2, "XML bodies are not supported"),
            ("GET /a\nHTTP 2xx\n", 2, "expected a status"),
            ("GET /a\nHTTP 200\n[Captures]\nx: xpath \"//a\"\n", 4, "xpath is not supported"),
            ("GET /a\nHTTP 200\n{\"a\": 1}\n", 3, "use [Asserts]"),
            ("POST /a\n{\n", 2, "the end of this JSON body"),
            ("GET /a\nno colon\n", 2, "expected name: value"),
            ("POST /a\n```\nx\n", 2, "closing ```"),
        ] {
            let found = parse(text).expect_err(text);
            assert_eq!(found.line, line, "{text:?}: {found}");
            assert!(found.message.contains(words), "{text:?}: {found}");
        }
    }

    #[test]
    fn steps_that_cannot_be_taken_are_found_without_taking_them() {
        let impossible =
            |text: &str| parse(text).expect("it is read").impossible(|name| name == "k");
        let good =
            "POST {{base}}/a\nX: {{k}}\n{\"a\": \"{{unique}}\"}\nHTTP 200\n[Captures]\nid: body\n";
        assert_eq!(impossible(&format!("{good}\nGET /{{{{id}}}}\n")), None);
        let found = impossible("GET /a\n\nGET /{{id}}\n").expect("id is not captured");
        assert_eq!((found.line, found.message.contains("variable id")), (3, true));
        assert!(impossible("GET http://example.com/\n").is_some());
    }

    #[test]
    fn json_lists_are_bodies_too() {
        let journey = parse("POST /a\n[1, 2]\nHTTP 200\n").expect("it is good");
        assert_eq!(journey.entries[0].body.as_deref(), Some("[1, 2]"));
    }
}
