//! Variables that the source declares with their types: envalid, zod and joi in JavaScript,
//! pydantic-settings in Python, struct tags in Go. A service with such a schema refuses to start
//! without what it requires, so each of those gets a value of its type.

use regex_lite::Regex;

use crate::repository::Repository;

/// A variable of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) name: String,
    /// Its type in a manifest.
    pub(super) kind: &'static str,
    pub(super) required: bool,
    /// What an `enum` accepts.
    pub(super) values: Vec<String>,
    /// The smallest accepted number, or length of a text.
    pub(super) least: Option<usize>,
    pub(super) from: String,
}

impl Declared {
    /// A value of its type, for a lab: it reaches nothing and means nothing.
    pub(super) fn made_up(&self) -> Option<String> {
        Some(match self.kind {
            "secret" => return None,
            "int" => self.least.unwrap_or(1).to_string(),
            "float" => self.least.unwrap_or(1).to_string(),
            "bool" => "true".to_owned(),
            // Nobody listens there.
            "url" => "http://127.0.0.1:9/".to_owned(),
            "email" => "someone@example.com".to_owned(),
            "port" => "9".to_owned(),
            "duration" => "30s".to_owned(),
            "enum" => {
                let production = self.values.iter().find(|value| *value == "production");
                production.or(self.values.first())?.clone()
            }
            _ => {
                // One more, so that it does not end in a hyphen.
                let least = self.least.unwrap_or(1);
                "example-".repeat(least / 8 + 1) + "example"
            }
        })
    }
}

/// Every schema that the source holds.
pub(super) fn find(repository: &Repository) -> Vec<Declared> {
    let mut all: Vec<Declared> = Vec::new();
    for (path, text) in repository.source() {
        let found = match path.rsplit('.').next() {
            Some("py") => pydantic(text),
            Some("go") => tags(text),
            Some("js" | "mjs" | "cjs" | "ts" | "mts") => javascript(text),
            _ => continue,
        };
        for mut one in found {
            if all.iter().all(|known| known.name != one.name) {
                one.from.clone_from(path);
                all.push(one);
            }
        }
    }
    all
}

fn declared(name: &str, kind: &'static str, required: bool) -> Declared {
    let (name, values, least, from) = (name.to_owned(), Vec::new(), None, String::new());
    Declared { name, kind, required, values, least, from }
}

/// `NAME: z.string().url()`, `NAME: Joi.number().required()`, `NAME: port({ default: 3000 })`.
fn javascript(text: &str) -> Vec<Declared> {
    let uses = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let is_of_environment = uses(&["process.env", "Bun.env", "import.meta.env"]);
    let lead = match () {
        () if uses(&["envalid"]) => r"(?:envalid\.)?(?:str|bool|num|email|host|port|url|json)\(",
        () if uses(&["zod"]) && is_of_environment => r"z\s*\.",
        () if uses(&["joi", "Joi"]) => r"[Jj]oi\s*\.",
        () => return Vec::new(),
    };
    let Ok(pattern) = Regex::new(&format!(r"\b([A-Z][A-Z0-9_]+)\s*:\s*({lead})")) else {
        return Vec::new();
    };
    let one = |found: regex_lite::Captures<'_>| {
        let (name, begins) = (found.get(1)?.as_str(), found.get(2)?.start());
        Some(of_expression(name, expression(&text[begins..])))
    };
    pattern.captures_iter(text).filter_map(one).collect()
}

/// Up to the comma or the brace that ends a member.
fn expression(text: &str) -> &str {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return &text[..at],
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => return &text[..at],
            _ => {}
        }
    }
    text
}

fn of_expression(name: &str, expression: &str) -> Declared {
    let has = |words: &[&str]| words.iter().any(|word| expression.contains(word));
    let is_joi = expression.to_lowercase().starts_with("joi");
    let is_zod = expression.starts_with('z');
    let required = match () {
        () if is_joi => has(&[".required("]),
        () if is_zod => !has(&[".optional(", ".default(", ".nullish(", ".catch("]),
        () => !has(&["default"]),
    };
    let (kind, values) = match () {
        () if has(&["enum(", ".valid(", "choices"]) => ("enum", quoted(expression)),
        () if has(&[".url(", ".uri(", "url(", "z.httpUrl("]) => ("url", Vec::new()),
        () if has(&[".email(", "email("]) => ("email", Vec::new()),
        () if has(&["port("]) => ("port", Vec::new()),
        () if has(&["number(", ".int(", "num("]) => ("int", Vec::new()),
        () if has(&["bool"]) => ("bool", Vec::new()),
        () => ("string", Vec::new()),
    };
    let least = Regex::new(r"\.(?:min|length)\(\s*(\d+)").ok();
    let least = least.and_then(|pattern| pattern.captures(expression)?[1].parse().ok());
    Declared { values, least, ..declared(name, kind, required) }
}

/// The texts in quotes of a list of values.
fn quoted(expression: &str) -> Vec<String> {
    let Ok(pattern) = Regex::new(r#"['"]([^'"]+)['"]"#) else { return Vec::new() };
    pattern.captures_iter(expression).map(|found| found[1].to_owned()).collect()
}

/// The members of classes that derive from `BaseSettings`.
fn pydantic(text: &str) -> Vec<Declared> {
    if !text.contains("BaseSettings") {
        return Vec::new();
    }
    let patterns = (
        Regex::new(r"^class\s+\w+\(.*BaseSettings.*\)\s*:"),
        Regex::new(r"^\s+([a-zA-Z][a-zA-Z0-9_]*)\s*:\s*([^=#]+?)\s*(?:=\s*(.+))?$"),
        Regex::new(r#"env_prefix\s*=\s*['"]([^'"]*)['"]"#),
        Regex::new(r#"(?:validation_alias|alias|env)\s*=\s*['"]([^'"]+)['"]"#),
    );
    let (Ok(class), Ok(member), Ok(prefix), Ok(alias)) = patterns else { return Vec::new() };
    let prefix = prefix.captures(text).map(|found| found[1].to_owned()).unwrap_or_default();
    let mut all = Vec::new();
    let mut within = false;
    for line in text.lines() {
        if !line.starts_with([' ', '\t']) && !line.trim().is_empty() {
            within = class.is_match(line);
            continue;
        }
        // Deeper lines belong to methods and to an inner class.
        let indent = line.len() - line.trim_start().len();
        let Some(found) = member.captures(line).filter(|_| within && indent <= 4) else { continue };
        let (kind, default) = (&found[2], found.get(3).map(|value| value.as_str()));
        if kind.contains("ClassVar") || found[1].starts_with("model_config") {
            continue;
        }
        let of_field = default.is_some_and(|text| text.starts_with("Field("));
        let has_default = match default {
            Some(text) if of_field => {
                text.contains("default") || !text.starts_with("Field(...") && is_positional(text)
            }
            other => other.is_some(),
        };
        let named = default.and_then(|text| alias.captures(text)).map(|found| found[1].to_owned());
        let name = named.unwrap_or_else(|| format!("{prefix}{}", &found[1]).to_uppercase());
        let (kind, values) = python_type(kind);
        all.push(Declared { values, ..declared(&name, kind, !has_default) });
    }
    all
}

/// `Field("x")`: its first argument is the default.
fn is_positional(text: &str) -> bool {
    let first = expression(text.trim_start_matches("Field("));
    !first.is_empty() && !first.contains('=')
}

fn python_type(text: &str) -> (&'static str, Vec<String>) {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match () {
        () if has(&["Literal["]) => ("enum", quoted(text)),
        () if has(&["SecretStr"]) => ("secret", Vec::new()),
        () if has(&["PostgresDsn"]) => ("postgres-url", Vec::new()),
        () if has(&["RedisDsn"]) => ("redis-url", Vec::new()),
        () if has(&["Url", "Dsn"]) => ("url", Vec::new()),
        () if has(&["EmailStr"]) => ("email", Vec::new()),
        () if has(&["int", "Int"]) => ("int", Vec::new()),
        () if has(&["float", "Decimal"]) => ("float", Vec::new()),
        () if has(&["bool"]) => ("bool", Vec::new()),
        () => ("string", Vec::new()),
    }
}

/// `Port int `env:"PORT,required"``, of caarlos0/env and kelseyhightower/envconfig.
fn tags(text: &str) -> Vec<Declared> {
    if !text.contains("env:\"") && !text.contains("envconfig:\"") {
        return Vec::new();
    }
    let pattern = r#"(?m)^\s*\w+\s+([\w.*\[\]]+)\s+`[^`]*\b(?:env|envconfig):"([A-Z][A-Z0-9_]+)([^"]*)"([^`]*)`"#;
    let Ok(pattern) = Regex::new(pattern) else { return Vec::new() };
    let one = |found: regex_lite::Captures<'_>| {
        let kind = match &found[1] {
            "bool" => "bool",
            "time.Duration" => "duration",
            "float32" | "float64" => "float",
            "url.URL" | "*url.URL" => "url",
            kind if kind.starts_with("int") || kind.starts_with("uint") => "int",
            _ => "string",
        };
        let required = found[3].contains("required")
            || found[3].contains("notEmpty")
            || found[4].contains("required:\"true\"");
        declared(&found[2], kind, required && !found[4].contains("efault:"))
    };
    pattern.captures_iter(text).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> Vec<(String, &'static str, bool)> {
        all(name, text).into_iter().map(|one| (one.name, one.kind, one.required)).collect()
    }

    fn all(name: &str, text: &str) -> Vec<Declared> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join(name), text).expect("it is written");
        find(&Repository::read(folder.path()))
    }

    fn own(name: &str, kind: &'static str, required: bool) -> (String, &'static str, bool) {
        (name.to_owned(), kind, required)
    }

    #[test]
    fn javascript_s_schemas_are_read() {
        let zod = "import { z } from 'zod';\nconst env = z.object({\n  DATABASE_URL: z.string().url(),\n  \
                   RETRIES: z.coerce.number().int().min(3),\n  MODE: z.enum(['dev', 'production']),\n  \
                   SENTRY: z.string().optional(),\n  TITLE: z.string({ error: 'a, b' }).min(12),\n})\
                   .parse(process.env);\nexport const other = { NOT: 1 };";
        let found = all("env.ts", zod);
        let told: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.kind, one.required)).collect();
        let expected = [
            ("DATABASE_URL", "url", true),
            ("RETRIES", "int", true),
            ("MODE", "enum", true),
            ("SENTRY", "string", false),
            ("TITLE", "string", true),
        ];
        assert_eq!(told, expected);
        assert_eq!(found[1].made_up().as_deref(), Some("3"));
        assert_eq!(found[2].made_up().as_deref(), Some("production"));
        assert!(found[4].made_up().is_some_and(|text| text.len() >= 12));

        let envalid = "const { cleanEnv, str, port } = require('envalid');\ncleanEnv(process.env, {\n  \
                       API_HOST: host(), PORT: port({ default: 3000 }), LEVEL: str({ choices: ['a', 'b'] }),\n});";
        let expected = [
            own("API_HOST", "string", true),
            own("PORT", "port", false),
            own("LEVEL", "enum", true),
        ];
        assert_eq!(of("env.js", envalid), expected);

        let joi = "const Joi = require('joi');\nJoi.object({ A_URL: Joi.string().uri().required(),\n\
                   WORKERS: Joi.number().default(2) })";
        assert_eq!(of("env.js", joi), [own("A_URL", "url", true), own("WORKERS", "int", false)]);
        let other = "import { z } from 'zod'; const body = z.object({ NAME: z.string() });";
        assert!(of("body.ts", other).is_empty(), "a schema of something else");
    }

    #[test]
    fn python_s_settings_are_read() {
        let text = "from pydantic_settings import BaseSettings\n\nclass Settings(BaseSettings):\n    \
                    model_config = SettingsConfigDict(env_prefix='APP_')\n    database: PostgresDsn\n    \
                    workers: int = 4\n    mode: Literal['a', 'b']\n    token: SecretStr = Field(...)\n    \
                    title: str = Field('x')\n    mail: EmailStr = Field(alias='SENDER')\n\n    \
                    @property\n    def url(self) -> str:\n        x: int = 1\n\nclass Other(BaseModel):\n    a: int\n";
        let expected = [
            own("APP_DATABASE", "postgres-url", true),
            own("APP_WORKERS", "int", false),
            own("APP_MODE", "enum", true),
            own("APP_TOKEN", "secret", true),
            own("APP_TITLE", "string", false),
            own("SENDER", "email", true),
        ];
        assert_eq!(of("settings.py", text), expected);
    }

    #[test]
    fn go_s_tags_are_read() {
        let text = "type Config struct {\n\tPort int `env:\"PORT\" envDefault:\"3000\"`\n\t\
                    Wait time.Duration `env:\"WAIT,required\"`\n\t\
                    Key string `envconfig:\"KEY\" required:\"true\"`\n}\n";
        let expected =
            [own("PORT", "int", false), own("WAIT", "duration", true), own("KEY", "string", true)];
        assert_eq!(of("config.go", text), expected);
    }

    #[test]
    fn a_made_up_text_is_long_enough() {
        for least in [0, 1, 7, 8, 16, 32, 33] {
            let one = Declared { least: Some(least), ..declared("A", "string", true) };
            let text = one.made_up().expect("one");
            assert!(text.len() >= least, "{least}: {text}");
        }
    }
}
