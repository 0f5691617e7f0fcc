//! What shows the inside of a service: stack traces, queries, paths of its machine (OWASP ASVS 5.0
//! 16.5.1).

use model::Answer;
use std::sync::OnceLock;

use regex_lite::Regex;

/// Words that stand in no message for callers.
const WORDS: &[&str] = &[
    "Traceback (most recent call last)",
    ".js:",
    ".java:",
    ".go:",
    ".py\", line",
    ".rb:",
    "goroutine ",
    "panicked at",
    "SQLSTATE",
    "syntax error at or near",
    "violates unique constraint",
    "violates foreign key",
    "psycopg2",
    "node_modules",
    "org.springframework",
    ".mjs:",
    ".cjs:",
    ".ts:",
    ".php on line",
    ".cs:line",
    "SQLITE_ERROR",
    "You have an error in your SQL syntax",
    "ORA-0",
    "URLconf defined in",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "pq: ",
    "duplicate key value",
    "relation \"",
    "MongoServerError",
    "jdbc:",
    "HikariPool",
    "SQLAlchemyError",
    "PDOException",
];

/// A path of a machine, and a statement in SQL.
const PATTERNS: [&str; 2] = [
    r#"/(?:srv|home|var|usr|opt|app|root|etc|tmp|Users|workspace)/[\w@./-]+"#,
    concat!(
        r#"\b(?:SELECT\s[\w\s,.*"]+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+\S+\s+SET\s|DELETE\s+FROM\s"#,
        // As query builders write it, with names in quotes: a sentence has none.
        r#"|insert\s+into\s+["`]|select\s.{1,200}\sfrom\s+["`]|update\s+["`]\w+["`]\s+set\s)"#,
    ),
];

/// A piece of the inside that an error shows, with what stands around it.
pub(crate) fn shown(answer: &Answer) -> Option<String> {
    let body = unescaped(&answer.body);
    let at = internals(&body, &answer.request.target)?;
    let from = body[..at].char_indices().rev().nth(30).map_or(0, |(at, _)| at);
    Some(body[from..].chars().take(90).collect())
}

/// Where an error shows something of the inside, if it does. A path that the request itself named is
/// only repeated.
fn internals(body: &str, target: &str) -> Option<usize> {
    static COMPILED: OnceLock<Vec<Regex>> = OnceLock::new();
    let compiled = COMPILED
        .get_or_init(|| PATTERNS.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect());
    let word = WORDS.iter().filter_map(|word| body.find(word)).min();
    let pattern = compiled.iter().find_map(|pattern| {
        let mut found = pattern.find_iter(body);
        // What follows a host or a scheme is an address, not a path of the machine.
        let in_address = |at: usize| {
            let before = body[..at].chars().next_back();
            before.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '.' | '-'))
                && body[..at]
                    .rsplit(|c: char| c.is_whitespace() || c == '"')
                    .next()
                    .is_some_and(|word| word.contains("://"))
        };
        let mut found = found.by_ref().filter(|one| !in_address(one.start()));
        found.find(|one| !target.contains(one.as_str())).map(|one| one.start())
    });
    word.or(pattern)
}

/// A body with the usual HTML escapes taken away: pages of frameworks hide paths behind them.
fn unescaped(body: &str) -> String {
    let escapes = [
        ("&#x2F;", "/"),
        ("&#x2f;", "/"),
        ("&#47;", "/"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
    ];
    escapes.iter().fold(body.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inside_is_told_from_messages() {
        assert_eq!(PATTERNS.iter().filter(|one| Regex::new(one).is_ok()).count(), PATTERNS.len());
        for body in [
            "ENOENT: no such file or directory, open '/srv/shop/releases/42/public/x'",
            "syntax error in SELECT id, password_hash FROM users WHERE name = 'x'",
            "at JSON.parse (<anonymous>) at Server.<anonymous> (file:///x/app.mjs:9:3)",
            "<pre>&#x2F;var&#x2F;lib&#x2F;gems&#x2F;sinatra.rb</pre>",
            r#"insert into "users" ("email") values ($1) - duplicate"#,
            r#"{"code":"ECONNREFUSED","address":"127.0.0.1","port":5432}"#,
            "pq: duplicate key value violates unique constraint",
        ] {
            assert!(internals(&unescaped(body), "/items").is_some(), "{body}");
        }
        for body in [
            "Cannot GET /app/items",
            "choose from the list and update your settings",
            "no such route: /nope",
            "{\"code\":\"not_found\",\"message\":\"select a seat from the map\"}",
            "{\"type\":\"https://docs.example.com/app/errors/404\"}",
            "insert into the slot what you have",
        ] {
            assert_eq!(internals(body, "/app/items"), None, "{body}");
        }
    }
}
