//! How the address of a dependency is spelt for the driver that reads it.

use super::Kind;
use crate::repository::Repository;
use crate::start::{Stack, Start};

/// Drivers that SQLAlchemy is told by the scheme: the library, what it speaks, the scheme. The first
/// that is there counts.
const SQLALCHEMY: &[(&str, Kind, &str)] = &[
    ("asyncpg", Kind::Postgres, "postgresql+asyncpg"),
    ("psycopg2", Kind::Postgres, "postgresql"),
    ("psycopg", Kind::Postgres, "postgresql+psycopg"),
    ("pg8000", Kind::Postgres, "postgresql+pg8000"),
    ("aiomysql", Kind::Mysql, "mysql+aiomysql"),
    ("asyncmy", Kind::Mysql, "mysql+asyncmy"),
    ("pymysql", Kind::Mysql, "mysql+pymysql"),
    ("mysql-connector", Kind::Mysql, "mysql+mysqlconnector"),
    ("mysqlclient", Kind::Mysql, "mysql"),
];

/// The address with placeholders.
pub(super) fn of(repository: &Repository, start: &Start, kind: Kind) -> String {
    let usual = format!("{{{}.url}}", kind.name());
    match (kind, start.stack) {
        (Kind::Redis | Kind::Smtp | Kind::S3, _) => usual,
        (_, Stack::Java) => java(repository, kind),
        (_, Stack::Python) => python(repository, kind).unwrap_or(usual),
        (_, Stack::Go) => go(repository, kind).unwrap_or(usual),
        _ => usual,
    }
}

fn java(repository: &Repository, kind: Kind) -> String {
    let lists = ["pom.xml", "build.gradle", "build.gradle.kts"];
    if kind == Kind::Mysql && lists.iter().any(|list| has(repository, list, "mariadb-java-client"))
    {
        return format!("jdbc:{}", kind.rest_of_address("mariadb", false));
    }
    format!("{{{}.jdbc_url}}", kind.name())
}

fn python(repository: &Repository, kind: Kind) -> Option<String> {
    let lists = ["requirements.txt", "pyproject.toml", "Pipfile", "setup.py"];
    let uses = |word: &str| lists.iter().any(|list| has(repository, list, word));
    if !uses("sqlalchemy") && !uses("sqlmodel") {
        return None;
    }
    let mut drivers = SQLALCHEMY.iter().filter(|(_, of, _)| *of == kind);
    let (driver, _, scheme) = drivers.find(|(driver, ..)| uses(driver))?;
    // Source that puts the driver's name in itself wants the plain address.
    let puts = format!("+{driver}");
    let rewrites = |text: &str| {
        text.lines().any(|line| {
            line.contains(&puts) && (line.contains("replace(") || line.contains("sub("))
        })
    };
    let rewritten = repository.source().iter().any(|(_, text)| rewrites(text));
    let scheme = if rewritten { scheme.split('+').next()? } else { scheme };
    Some(match (kind, scheme) {
        (Kind::Postgres, "postgresql") => format!("{{{}.postgresql_url}}", kind.name()),
        _ => kind.rest_of_address(scheme, true),
    })
}

fn go(repository: &Repository, kind: Kind) -> Option<String> {
    let name = kind.name();
    match kind {
        // Its driver has a spelling of its own.
        Kind::Mysql => Some(format!(
            "{{{name}.user}}:{{{name}.password}}@tcp({{{name}.host}}:{{{name}.port}})/{{{name}.name}}\
             ?parseTime=true"
        )),
        // It asks for TLS unless it is told otherwise.
        Kind::Postgres if has(repository, "go.mod", "github.com/lib/pq") => {
            Some(format!("{{{name}.url}}?sslmode=disable"))
        }
        _ => None,
    }
}

fn has(repository: &Repository, list: &str, word: &str) -> bool {
    repository.text(list).is_some_and(|text| text.to_ascii_lowercase().contains(word))
}
