//! What the service needs beside itself, by the client libraries in its lists and locks.

use crate::repository::Repository;
use crate::start::{Stack, Start};
use crate::{Sourced, python_interpreter};

/// What the lab can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Redis,
}

impl Kind {
    /// Its word in a manifest, and the name that the dependency gets.
    pub fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "database",
            Self::Redis => "cache",
        }
    }
}

/// How a driver wants its address spelt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// `postgres://`, `redis://`.
    Usual,
    /// `postgresql://`, which SQLAlchemy insists on.
    Postgresql,
    /// `jdbc:postgresql://`.
    Jdbc,
}

/// Something that the service needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub kind: Kind,
    pub spelling: Spelling,
    /// The library, and where it stands.
    pub from: String,
}

/// Client libraries by the list in which they stand: the list, the name as it stands there, what it
/// is a client of.
const CLIENTS: &[(&str, &str, Kind)] = &[
    ("package.json", "\"pg\"", Kind::Postgres),
    ("package.json", "\"postgres\"", Kind::Postgres),
    ("package.json", "\"pg-promise\"", Kind::Postgres),
    ("package.json", "\"redis\"", Kind::Redis),
    ("package.json", "\"ioredis\"", Kind::Redis),
    ("requirements.txt", "psycopg", Kind::Postgres),
    ("requirements.txt", "asyncpg", Kind::Postgres),
    ("requirements.txt", "redis", Kind::Redis),
    ("pyproject.toml", "psycopg", Kind::Postgres),
    ("pyproject.toml", "asyncpg", Kind::Postgres),
    ("pyproject.toml", "\"redis", Kind::Redis),
    ("go.mod", "github.com/lib/pq", Kind::Postgres),
    ("go.mod", "github.com/jackc/pgx", Kind::Postgres),
    ("go.mod", "gorm.io/driver/postgres", Kind::Postgres),
    ("go.mod", "github.com/redis/go-redis", Kind::Redis),
    ("go.mod", "github.com/go-redis/redis", Kind::Redis),
    ("pom.xml", "<artifactId>postgresql</artifactId>", Kind::Postgres),
    ("pom.xml", "spring-boot-starter-data-redis", Kind::Redis),
    ("pom.xml", "<artifactId>jedis</artifactId>", Kind::Redis),
    ("build.gradle", "org.postgresql:postgresql", Kind::Postgres),
    ("build.gradle.kts", "org.postgresql:postgresql", Kind::Postgres),
    ("build.gradle", "spring-boot-starter-data-redis", Kind::Redis),
    ("Cargo.toml", "tokio-postgres", Kind::Postgres),
    ("Cargo.toml", "redis =", Kind::Redis),
    ("Gemfile", "\"pg\"", Kind::Postgres),
    ("Gemfile", "'pg'", Kind::Postgres),
    ("Gemfile", "\"redis\"", Kind::Redis),
    ("Gemfile", "'redis'", Kind::Redis),
    ("composer.json", "ext-pgsql", Kind::Postgres),
    ("composer.json", "ext-pdo_pgsql", Kind::Postgres),
    ("composer.json", "predis/predis", Kind::Redis),
];

/// Clients of what the lab cannot start: the list, the name, what it is.
const OTHERS: &[(&str, &str, &str)] = &[
    ("package.json", "\"mysql2\"", "MySQL"),
    ("package.json", "\"mysql\"", "MySQL"),
    ("package.json", "\"mongodb\"", "MongoDB"),
    ("package.json", "\"mongoose\"", "MongoDB"),
    ("package.json", "\"amqplib\"", "RabbitMQ"),
    ("package.json", "\"kafkajs\"", "Kafka"),
    ("requirements.txt", "pymysql", "MySQL"),
    ("requirements.txt", "mysqlclient", "MySQL"),
    ("requirements.txt", "pymongo", "MongoDB"),
    ("requirements.txt", "motor", "MongoDB"),
    ("requirements.txt", "celery", "a Celery broker"),
    ("go.mod", "go-sql-driver/mysql", "MySQL"),
    ("go.mod", "mongo-driver", "MongoDB"),
    ("go.mod", "segmentio/kafka-go", "Kafka"),
    ("pom.xml", "mysql-connector", "MySQL"),
    ("pom.xml", "mariadb-java-client", "MariaDB"),
    ("pom.xml", "spring-boot-starter-data-mongodb", "MongoDB"),
    ("pom.xml", "spring-kafka", "Kafka"),
    ("Gemfile", "mysql2", "MySQL"),
    ("composer.json", "ext-pdo_mysql", "MySQL"),
];

/// The lists that are there and name every dependency; without one nobody knows what is needed.
pub(crate) fn lists(repository: &Repository) -> Vec<&'static str> {
    let mut all: Vec<_> = CLIENTS.iter().map(|(list, ..)| *list).collect();
    all.dedup();
    all.sort_unstable();
    all.dedup();
    all.retain(|list| repository.has(list));
    all
}

/// The dependencies, and the clients of what the lab cannot start.
pub(crate) fn find(
    repository: &Repository,
    start: &Start,
) -> (Vec<Dependency>, Vec<Sourced<String>>) {
    let mut found: Vec<Dependency> = Vec::new();
    for (list, name, kind) in CLIENTS {
        let stands = repository.text(list).is_some_and(|text| declares(list, &text, name));
        if stands && !found.iter().any(|known| known.kind == *kind) {
            let name = name.trim_matches(['"', '\'']);
            let spelling = spelling(repository, start, *kind);
            found.push(Dependency { kind: *kind, spelling, from: format!("{name} in {list}") });
        }
    }
    // An ORM names its database elsewhere.
    let prisma = repository.text("prisma/schema.prisma").unwrap_or_default();
    let sqlx = repository.text("Cargo.toml").is_some_and(|text| {
        (text.contains("sqlx") || text.contains("diesel")) && text.contains("postgres")
    });
    for (is, from) in [
        (prisma.contains("\"postgresql\""), "the provider in prisma/schema.prisma"),
        (sqlx, "the feature postgres in Cargo.toml"),
    ] {
        if is && !found.iter().any(|known| known.kind == Kind::Postgres) {
            let spelling = Spelling::Usual;
            found.push(Dependency { kind: Kind::Postgres, spelling, from: from.to_owned() });
        }
    }
    let mut unknown: Vec<Sourced<String>> = Vec::new();
    for (list, name, what) in OTHERS {
        let stands = repository.text(list).is_some_and(|text| declares(list, &text, name));
        if stands && !unknown.iter().any(|known| known.value == *what) {
            let from = format!("{} in {list}", name.trim_matches('"'));
            unknown.push(Sourced::new((*what).to_owned(), from));
        }
    }
    (found, unknown)
}

/// Whether a list holds a name where it means a dependency.
fn declares(list: &str, text: &str, name: &str) -> bool {
    match list {
        "requirements.txt" => text.lines().any(|line| {
            let line = line.trim().to_ascii_lowercase();
            line.strip_prefix(name).is_some_and(|rest| {
                // `redis` is not `redis-om`; `psycopg` is also `psycopg2-binary`.
                !rest.starts_with('-') || name == "psycopg"
            })
        }),
        "package.json" => {
            let package: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
            !package["dependencies"][name.trim_matches('"')].is_null()
        }
        // What is only needed by another module is none of the service's.
        "go.mod" => text.lines().any(|line| line.contains(name) && !line.contains("// indirect")),
        _ => text.contains(name),
    }
}

fn spelling(repository: &Repository, start: &Start, kind: Kind) -> Spelling {
    let uses = |word: &str| {
        let lists = ["requirements.txt", "pyproject.toml"];
        lists.iter().any(|list| {
            repository.text(list).is_some_and(|text| text.to_ascii_lowercase().contains(word))
        })
    };
    match (kind, start.stack) {
        (Kind::Redis, _) => Spelling::Usual,
        (_, Stack::Java) => Spelling::Jdbc,
        (_, Stack::Python) if uses("sqlalchemy") || uses("sqlmodel") => Spelling::Postgresql,
        _ => Spelling::Usual,
    }
}

/// The commands of the migration tools that are there. They run against the lab only.
pub(crate) fn migrations(
    repository: &Repository,
    start: &Start,
    dependencies: &[Dependency],
) -> Vec<Sourced<String>> {
    let has_postgres = dependencies.iter().any(|one| one.kind == Kind::Postgres);
    let mut all = Vec::new();
    let mut add = |command: String, from: &str| all.push(Sourced::new(command, from));
    if start.stack == Stack::Python && repository.has("manage.py") {
        let python = python_interpreter(repository);
        add(format!("{python} manage.py migrate --noinput"), "manage.py");
    }
    if has_postgres {
        if repository.has("prisma/migrations") && repository.has("node_modules/.bin/prisma") {
            add("node_modules/.bin/prisma migrate deploy".to_owned(), "prisma/migrations");
        } else if repository.first(&["knexfile.js", "knexfile.ts", "knexfile.cjs"]).is_some()
            && repository.has("node_modules/.bin/knex")
        {
            add("node_modules/.bin/knex migrate:latest".to_owned(), "knexfile");
        }
        if repository.has("alembic.ini") {
            let python = python_interpreter(repository);
            add(format!("{python} -m alembic upgrade head"), "alembic.ini");
        }
        if repository.has("bin/rails") && repository.has("db/schema.rb") {
            add("ruby bin/rails db:schema:load".to_owned(), "db/schema.rb");
        }
    }
    all
}
