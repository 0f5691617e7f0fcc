//! What is taken from an answer, and what is expected of it.

use client::Response;
use serde_json::Value;
use serde_json_path::JsonPath;

/// A part of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    Status,
    Body,
    Header(String),
    Cookie(String),
    /// RFC 9535.
    JsonPath(String),
    /// The first group of a pattern, in the body.
    Regex(String),
    /// How many values another query finds.
    Count(Box<Query>),
}

/// What is expected of a part.
#[derive(Debug, Clone, PartialEq)]
pub struct Assert {
    query: Query,
    negated: bool,
    predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq)]
enum Predicate {
    Exists,
    Compare(Operator, Value),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    Matches(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

const UNSUPPORTED: &[&str] = &[
    "xpath",
    "sha256",
    "md5",
    "duration",
    "bytes",
    "certificate",
    "variable",
    "url",
    "ip",
    "redirects",
];

impl Query {
    /// Reads a query that makes up the whole text.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (query, rest) = Self::take(text)?;
        match rest.trim() {
            "" => Ok(query),
            "count" => Ok(Self::Count(Box::new(query))),
            rest => Err(format!("the filter {rest:?} is not supported")),
        }
    }

    fn take(text: &str) -> Result<(Self, &str), String> {
        let text = text.trim();
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "status" => return Ok((Self::Status, rest)),
            "body" => return Ok((Self::Body, rest)),
            word if UNSUPPORTED.contains(&word) => return Err(format!("{word} is not supported")),
            "header" | "cookie" | "jsonpath" | "regex" => {}
            word => {
                return Err(format!(
                    "expected status, body, header, cookie, jsonpath or regex, found {word:?}"
                ));
            }
        }
        let (argument, rest) = quoted(rest.trim_start())
            .ok_or_else(|| format!("expected a text in quotes after {word}, found {rest:?}"))?;
        let query = match word {
            "header" => Self::Header(argument),
            "cookie" => Self::Cookie(argument),
            "jsonpath" => {
                JsonPath::parse(&argument).map_err(|error| format!("{argument:?}: {error}"))?;
                Self::JsonPath(argument)
            }
            _ => {
                regex_lite::Regex::new(&argument)
                    .map_err(|error| format!("{argument:?}: {error}"))?;
                Self::Regex(argument)
            }
        };
        Ok((query, rest))
    }

    /// What it finds in an answer.
    pub fn find(&self, response: &Response) -> Option<Value> {
        match self {
            Self::Status => Some(Value::from(response.status)),
            Self::Body => Some(Value::from(response.text().into_owned())),
            Self::Header(name) => response.header(name).map(Value::from),
            Self::Cookie(name) => {
                let set =
                    response.headers.iter().filter(|(k, _)| k.eq_ignore_ascii_case("set-cookie"));
                set.filter_map(|(_, value)| value.split(';').next()?.split_once('='))
                    .find(|(known, _)| known.trim() == name)
                    .map(|(_, value)| Value::from(value))
            }
            Self::JsonPath(path) => {
                let body: Value = serde_json::from_slice(&response.body).ok()?;
                let found = JsonPath::parse(path).ok()?.query(&body).all();
                match found.as_slice() {
                    [] => None,
                    [one] => Some((*one).clone()),
                    many => Some(many.iter().map(|one| (*one).clone()).collect()),
                }
            }
            Self::Regex(pattern) => {
                let text = response.text();
                let found = regex_lite::Regex::new(pattern).ok()?.captures(&text)?;
                found.get(1).or(found.get(0)).map(|group| Value::from(group.as_str()))
            }
            Self::Count(query) => match query.find(response) {
                None => Some(Value::from(0)),
                Some(Value::Array(all)) => Some(Value::from(all.len())),
                Some(_) => Some(Value::from(1)),
            },
        }
    }
}

impl Assert {
    /// Reads one line of `[Asserts]`.
    ///
    /// # Errors
    /// What was expected and what was found.
    pub fn parse(line: &str) -> Result<Self, String> {
        let (mut query, rest) = Query::take(line)?;
        let mut rest = rest.trim();
        if let Some(after) = rest.strip_prefix("count ") {
            query = Query::Count(Box::new(query));
            rest = after.trim();
        }
        let (negated, rest) =
            rest.strip_prefix("not ").map_or((false, rest), |rest| (true, rest.trim()));
        let (word, argument) = rest.split_once(' ').unwrap_or((rest, ""));
        let text = || {
            quoted(argument.trim())
                .map(|(text, _)| text)
                .ok_or_else(|| format!("expected a text in quotes, found {argument:?}"))
        };
        let compare = |operator| {
            let argument = argument.trim();
            let value = match quoted(argument) {
                Some((text, _)) => Value::from(text),
                None => serde_json::from_str(argument)
                    .map_err(|_| format!("expected a value, found {argument:?}"))?,
            };
            Ok::<_, String>(Predicate::Compare(operator, value))
        };
        let predicate = match word {
            "exists" => Predicate::Exists,
            "==" => compare(Operator::Equal)?,
            "!=" => compare(Operator::NotEqual)?,
            "<" => compare(Operator::Less)?,
            "<=" => compare(Operator::LessOrEqual)?,
            ">" => compare(Operator::Greater)?,
            ">=" => compare(Operator::GreaterOrEqual)?,
            "contains" => Predicate::Contains(text()?),
            "startsWith" => Predicate::StartsWith(text()?),
            "endsWith" => Predicate::EndsWith(text()?),
            "matches" => Predicate::Matches(text()?),
            word => return Err(format!("the predicate {word:?} is not supported")),
        };
        Ok(Self { query, negated, predicate })
    }

    /// What is wrong with an answer, if anything. Texts of the assert may hold variables, which
    /// `fill` fills in.
    pub fn mistake_in(&self, response: &Response, fill: impl Fn(&str) -> String) -> Option<String> {
        let found = self.query.find(response);
        let holds = self.predicate.holds(found.as_ref(), &fill) != self.negated;
        (!holds).then(|| {
            let found = found.map_or("nothing".to_owned(), |value| value.to_string());
            let not = if self.negated { "not " } else { "" };
            format!("expected {:?} {not}{:?}, found {found}", self.query, self.predicate)
        })
    }
}

impl Predicate {
    fn holds(&self, found: Option<&Value>, fill: &impl Fn(&str) -> String) -> bool {
        let Some(found) = found else { return false };
        let text = || match found {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match self {
            Self::Exists => true,
            Self::Contains(part) => match found {
                Value::Array(all) => all.iter().any(|one| one.as_str() == Some(&fill(part))),
                _ => text().contains(&fill(part)),
            },
            Self::StartsWith(part) => text().starts_with(&fill(part)),
            Self::EndsWith(part) => text().ends_with(&fill(part)),
            Self::Matches(pattern) => {
                regex_lite::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(&text()))
            }
            Self::Compare(operator, value) => {
                let filled;
                let value = match value {
                    Value::String(text) => {
                        filled = Value::from(fill(text));
                        &filled
                    }
                    other => other,
                };
                operator.holds(found, value)
            }
        }
    }
}

impl Operator {
    fn holds(self, found: &Value, value: &Value) -> bool {
        let equal = match (found.as_f64(), value.as_f64()) {
            (Some(a), Some(b)) => a == b,
            _ => found == value,
        };
        let order = found.as_f64().zip(value.as_f64()).and_then(|(a, b)| a.partial_cmp(&b));
        match self {
            Self::Equal => equal,
            Self::NotEqual => !equal,
            Self::Less => order.is_some_and(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => order.is_some_and(std::cmp::Ordering::is_le),
            Self::Greater => order.is_some_and(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => order.is_some_and(std::cmp::Ordering::is_ge),
        }
    }
}

/// A text in quotes and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let rest = text.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((out, &rest[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                // A pattern keeps its own escapes.
                c @ ('"' | '\\') => out.push(c),
                other => {
                    out.push('\\');
                    out.push(other);
                }
            },
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response() -> Response {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Response {
            status: 201,
            headers: vec![header("Location", "/a/7?x=1"), header("Set-Cookie", "sid=abc; Secure")],
            body: br#"{"items":[{"id":1},{"id":2}],"name":"anchor","price":1.5}"#.to_vec(),
            closes: false,
        }
    }

    #[test]
    fn parts_are_found() {
        for (query, expected) in [
            ("status", "201"),
            ("header \"location\"", "\"/a/7?x=1\""),
            ("cookie \"sid\"", "\"abc\""),
            ("jsonpath \"$.items[1].id\"", "2"),
            ("jsonpath \"$.items[*].id\"", "[1,2]"),
            ("jsonpath \"$.items[*]\" count", "2"),
            ("regex \"anc(h.)r\"", "\"ho\""),
        ] {
            let found = Query::parse(query).expect(query).find(&response());
            assert_eq!(found.map(|value| value.to_string()).as_deref(), Some(expected), "{query}");
        }
        assert_eq!(Query::parse("jsonpath \"$.none\"").expect("good").find(&response()), None);
    }

    #[test]
    fn asserts_hold_or_say_what_was_found() {
        let keep = str::to_owned;
        for good in [
            "status == 201",
            "status < 300",
            "jsonpath \"$.name\" == \"anchor\"",
            "jsonpath \"$.name\" != \"buoy\"",
            "jsonpath \"$.price\" >= 1.5",
            "jsonpath \"$.items\" count == 2",
            "jsonpath \"$.none\" not exists",
            "header \"Location\" startsWith \"/a\"",
            "header \"Location\" matches \"^/a/\\d+\"",
            "body contains \"anchor\"",
        ] {
            let assert = Assert::parse(good).expect(good);
            assert_eq!(assert.mistake_in(&response(), keep), None, "{good}");
        }
        for bad in ["status == 200", "jsonpath \"$.none\" exists", "body contains \"buoy\""] {
            let assert = Assert::parse(bad).expect(bad);
            assert!(assert.mistake_in(&response(), keep).is_some(), "{bad}");
        }
        assert!(Assert::parse("status isInteger").is_err());
        assert!(Assert::parse("sha256 == 1").is_err());
    }
}
