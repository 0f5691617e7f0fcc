//! The variables that the service reads: names and types, never values.

mod schema;

use std::collections::BTreeMap;

use regex_lite::Regex;

use crate::compose::Compose;
use crate::dependencies::{Dependency, Kind};
use crate::repository::Repository;
use crate::start::{Stack, Start};

/// A variable, as it will stand in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    pub name: String,
    /// Its type in a manifest.
    pub kind: &'static str,
    /// What the lab fills in, where it must have a value.
    pub value: Option<String>,
    /// What an `enum` accepts.
    pub values: Vec<String>,
    /// Nothing reads it with a default.
    pub required: bool,
    pub from: String,
}

/// Lists of examples: only their names are taken.
const EXAMPLES: [&str; 6] =
    [".env.example", ".env.sample", ".env.template", ".env.dist", "env.example", ".env.schema"];
/// How source reads a variable: a pattern, and whether it then must be there.
const READS: &[(&str, bool)] = &[
    (r"process\.env\.([A-Z][A-Z0-9_]+)", false),
    (r#"process\.env\[['"]([A-Z][A-Z0-9_]+)['"]\]"#, false),
    (r#"os\.environ\[['"]([A-Z][A-Z0-9_]+)['"]\]"#, true),
    (r#"os\.environ\.get\(['"]([A-Z][A-Z0-9_]+)['"]"#, false),
    (r#"os\.getenv\(['"]([A-Z][A-Z0-9_]+)['"]"#, false),
    (r#"os\.(?:Getenv|LookupEnv)\("([A-Z][A-Z0-9_]+)"\)"#, false),
    (r#"System\.getenv\("([A-Z][A-Z0-9_]+)"\)"#, false),
    (r#"ENV\[['"]([A-Z][A-Z0-9_]+)['"]\]"#, false),
    (r#"ENV\.fetch\(['"]([A-Z][A-Z0-9_]+)['"]\)"#, true),
    (r#"getenv\(['"]([A-Z][A-Z0-9_]+)['"]\)"#, false),
    (r#"env::var(?:_os)?\("([A-Z][A-Z0-9_]+)"\)"#, false),
    (r#"BindEnv\("[^"]*",\s*"([A-Z][A-Z0-9_]+)""#, false),
    (r"\$\{([A-Z][A-Z0-9_]+)\}", true),
    (r"\$\{([A-Z][A-Z0-9_]+):", false),
];
/// What every process has, and what tells a runtime how to run.
const NOT_OWN: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "PWD",
    "SHELL",
    "LANG",
    "TZ",
    "TMPDIR",
    "HOSTNAME",
    "NODE_ENV",
    "CI",
    "DEBUG",
    "NODE_DEBUG",
    "PYTHONPATH",
    "GOPATH",
    "DJANGO_SETTINGS_MODULE",
    "RACK_ENV",
    "RAILS_ENV",
];

pub(crate) fn find(
    repository: &Repository,
    start: &Start,
    dependencies: &[Dependency],
    compose: Option<&Compose>,
) -> Vec<Variable> {
    let mut read = read(repository);
    let mut all: Vec<Variable> = Vec::new();
    if let Some(port) = &start.port {
        read.remove(&port.value);
        all.push(Variable {
            name: port.value.clone(),
            kind: "port",
            value: Some("{port}".to_owned()),
            values: Vec::new(),
            required: false,
            from: port.from.clone(),
        });
    }
    // A Compose file shows how an address is spelt.
    for (given, path) in
        compose.iter().flat_map(|one| one.variables().into_iter().map(|given| (given, &one.path)))
    {
        let required = read.remove(&given.name).is_some_and(|(required, _)| required);
        let found = match given.value {
            Some(value) => Some((kind_of(&value), Some(value))),
            None => meaning(&given.name, dependencies),
        };
        let Some((kind, value)) = found else { continue };
        if all.iter().all(|known| known.name != given.name) {
            let (values, from) = (Vec::new(), path.clone());
            all.push(Variable { name: given.name, kind, value, values, required, from });
        }
    }
    for declared in schema::find(repository) {
        read.remove(&declared.name);
        let known = all.iter().any(|known| known.name == declared.name);
        if !known && !NOT_OWN.contains(&declared.name.as_str()) {
            all.extend(of_schema(declared, dependencies));
        }
    }
    for (name, (required, from)) in &read {
        let Some((kind, value)) = meaning(name, dependencies) else { continue };
        let (name, from) = (name.clone(), from.clone());
        all.push(Variable { name, kind, value, values: Vec::new(), required: *required, from });
    }
    for dependency in dependencies {
        let given = all.iter().any(|one| {
            let placeholder = format!("{{{}.", dependency.kind.name());
            one.value.as_ref().is_some_and(|value| value.contains(&placeholder))
        });
        if !given {
            // Two databases of which each has a usual address: the first has it.
            for one in usual(start, dependency) {
                if all.iter().all(|known| known.name != one.name) {
                    all.push(one);
                }
            }
        }
    }
    all
}

/// A variable of a schema: what its name means, or a value of its type where it is required.
fn of_schema(declared: schema::Declared, dependencies: &[Dependency]) -> Option<Variable> {
    let required = declared.required;
    let by_type = || required.then(|| (declared.kind, declared.made_up()));
    let (kind, value) = meaning(&declared.name, dependencies).or_else(by_type)?;
    let values = if kind == "enum" { declared.values } else { Vec::new() };
    Some(Variable { name: declared.name, kind, value, values, required, from: declared.from })
}

/// What is read by the source or stands in a list of examples, each with where.
pub(crate) fn names(repository: &Repository) -> Vec<(String, String)> {
    read(repository).into_iter().map(|(name, (_, from))| (name, from)).collect()
}

fn read(repository: &Repository) -> BTreeMap<String, (bool, String)> {
    let mut read = read_by_source(repository);
    for list in EXAMPLES {
        for name in names_in(&repository.text(list).unwrap_or_default()) {
            read.entry(name).or_insert((false, list.to_owned()));
        }
    }
    read
}

/// The type of a value with placeholders.
fn kind_of(value: &str) -> &'static str {
    let scheme = value.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        Some("postgres" | "postgresql") => "postgres-url",
        Some("redis" | "rediss") => "redis-url",
        Some(scheme) if !scheme.starts_with("jdbc") => "url",
        _ if value.ends_with(".port}") && !value.contains(':') => "port",
        _ => "string",
    }
}

/// The names that the source reads: whether one must be there, and where.
fn read_by_source(repository: &Repository) -> BTreeMap<String, (bool, String)> {
    let patterns: Vec<(Regex, bool)> = READS
        .iter()
        .filter_map(|(pattern, required)| Some((Regex::new(pattern).ok()?, *required)))
        .collect();
    let mut found: BTreeMap<String, (bool, String)> = BTreeMap::new();
    for (path, text) in repository.source() {
        let is_settings =
            path.ends_with(".properties") || path.ends_with(".yml") || path.ends_with(".yaml");
        for (pattern, required) in &patterns {
            let of_settings = pattern.as_str().starts_with(r"\$");
            // `${NAME}` is a variable in settings, and anything in other texts.
            if of_settings != is_settings || is_settings && !path.contains("application") {
                continue;
            }
            for name in pattern.captures_iter(text).map(|found| found[1].to_owned()) {
                if !NOT_OWN.contains(&name.as_str()) {
                    found.entry(name).or_insert((*required, path.clone()));
                }
            }
        }
    }
    found
}

fn names_in(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| {
        let line = line.trim().trim_start_matches("export ");
        let (name, _) = line.split_once('=')?;
        let is_name = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        (is_name && !NOT_OWN.contains(&name)).then(|| name.to_owned())
    });
    names.collect()
}

/// What a name means: the type, and what the lab fills in. `None` where a value would be a guess
/// that does more harm than none.
fn meaning(name: &str, dependencies: &[Dependency]) -> Option<(&'static str, Option<String>)> {
    let ends = |words: &[&str]| words.iter().any(|word| name.ends_with(word));
    let store = dependencies.iter().any(|one| one.kind == Kind::S3);
    if store && is_about(name, Kind::S3, dependencies) {
        let part = |part: &str| Some(format!("{{store.{part}}}"));
        return match () {
            () if name.contains("ENDPOINT") => Some(("url", part("url"))),
            () if ends(&["BUCKET", "BUCKET_NAME"]) => Some(("string", part("name"))),
            () if ends(&["ACCESS_KEY_ID", "ACCESS_KEY"]) && !name.contains("SECRET") => {
                Some(("string", part("user")))
            }
            () if name.contains("SECRET") => Some(("secret", part("password"))),
            () if ends(&["REGION"]) => Some(("string", Some("us-east-1".to_owned()))),
            () => None,
        };
    }
    if let Some(dependency) = dependencies.iter().find(|one| is_about(name, one.kind, dependencies))
    {
        let part = |part: &str| Some(format!("{{{}.{part}}}", dependency.kind.name()));
        return match () {
            () if ends(&["_URL", "_URI", "_DSN", "DATABASE_URL"]) => {
                Some((type_of_address(dependency), Some(dependency.address.clone())))
            }
            () if ends(&["HOST", "HOSTNAME", "SERVER"]) => Some(("string", part("host"))),
            () if ends(&["PORT"]) => Some(("port", part("port"))),
            // A cache of the lab has no user.
            () if dependency.kind == Kind::Redis => None,
            () if ends(&["USER", "USERNAME"]) => Some(("string", part("user"))),
            () if ends(&["PASSWORD", "PASS"]) => Some(("string", part("password"))),
            () if dependency.kind == Kind::Smtp => None,
            () if ends(&["NAME", "DATABASE", "_DB"]) => Some(("string", part("name"))),
            () => None,
        };
    }
    ends(&["SECRET", "SECRET_KEY", "SECRET_KEY_BASE", "_KEY", "_TOKEN", "JWT_SECRET"])
        .then_some(("secret", None))
}

/// Whether a variable of this name is about this dependency.
fn is_about(name: &str, kind: Kind, all: &[Dependency]) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
    let (postgres, mysql) = (has(&["POSTGRES", "PG"]), has(&["MYSQL", "MARIADB"]));
    let (cache, mail) = (has(&["REDIS", "CACHE", "VALKEY"]), has(&["SMTP", "MAIL"]));
    let any_database = has(&["DATABASE", "DB_", "SQL"]) && !cache && !mail && !postgres && !mysql;
    let only = |kind: Kind| {
        all.iter().find(|one| one.kind.is_critical()).is_some_and(|one| one.kind == kind)
    };
    match kind {
        Kind::Postgres => postgres && !cache || any_database && only(Kind::Postgres),
        Kind::Mysql => mysql || any_database && only(Kind::Mysql),
        Kind::Redis => cache,
        Kind::Smtp => mail,
        Kind::S3 => has(&["S3_", "AWS_", "MINIO_"]),
    }
}

fn type_of_address(dependency: &Dependency) -> &'static str {
    match (dependency.kind, dependency.address.as_str()) {
        (Kind::Postgres, "{database.url}" | "{database.postgresql_url}") => "postgres-url",
        (Kind::Postgres, address) if address.starts_with("{database.url}") => "postgres-url",
        (Kind::Redis, _) => "redis-url",
        (_, address)
            if address.starts_with("jdbc")
                || !address.contains("url}") && !address.contains("://") =>
        {
            "string"
        }
        _ => "url",
    }
}

/// The variables that a stack or a driver reads by itself, where the source names none.
fn usual(start: &Start, dependency: &Dependency) -> Vec<Variable> {
    let variable = |name: &str, kind: &'static str, value: String| Variable {
        name: name.to_owned(),
        kind,
        value: Some(value),
        values: Vec::new(),
        required: false,
        from: dependency.from.clone(),
    };
    let part = |part: &str| format!("{{{}.{part}}}", dependency.kind.name());
    let address = || dependency.address.clone();
    match (dependency.kind, start.stack) {
        (Kind::Postgres | Kind::Mysql, Stack::Java) => vec![
            variable("SPRING_DATASOURCE_URL", "url", address()),
            variable("SPRING_DATASOURCE_USERNAME", "string", part("user")),
            variable("SPRING_DATASOURCE_PASSWORD", "string", part("password")),
        ],
        (Kind::Postgres, _) => vec![
            variable("DATABASE_URL", type_of_address(dependency), address()),
            variable("PGHOST", "string", part("host")),
            variable("PGPORT", "port", part("port")),
            variable("PGUSER", "string", part("user")),
            variable("PGPASSWORD", "string", part("password")),
            variable("PGDATABASE", "string", part("name")),
        ],
        (Kind::Mysql, _) => vec![
            variable("DATABASE_URL", type_of_address(dependency), address()),
            variable("MYSQL_HOST", "string", part("host")),
            variable("MYSQL_PORT", "port", part("port")),
            variable("MYSQL_USER", "string", part("user")),
            variable("MYSQL_PASSWORD", "string", part("password")),
            variable("MYSQL_DATABASE", "string", part("name")),
        ],
        (Kind::Redis, Stack::Java) => vec![
            variable("SPRING_DATA_REDIS_HOST", "string", part("host")),
            variable("SPRING_DATA_REDIS_PORT", "port", part("port")),
        ],
        (Kind::Redis, _) => vec![variable("REDIS_URL", "redis-url", address())],
        (Kind::Smtp, Stack::Java) => vec![
            variable("SPRING_MAIL_HOST", "string", part("host")),
            variable("SPRING_MAIL_PORT", "port", part("port")),
        ],
        (Kind::Smtp | Kind::S3, _) => Vec::new(),
    }
}
