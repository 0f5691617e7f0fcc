//! What the service needs beside itself, by the client libraries in its lists and locks.

mod spelling;

use crate::Sourced;
use crate::compose::Compose;
use crate::repository::Repository;
use crate::start::{Start, on_path};

/// What the lab can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postgres,
    Mysql,
    Redis,
    Smtp,
    S3,
}

impl Kind {
    /// Its word in a manifest.
    pub fn word(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Redis => "redis",
            Self::Smtp => "smtp",
            Self::S3 => "s3",
        }
    }

    /// The name that the dependency gets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "database",
            Self::Mysql => "mysql",
            Self::Redis => "cache",
            Self::Smtp => "mail",
            Self::S3 => "store",
        }
    }

    /// Whether a service cannot do its work without it: a cache may be missed, a database may not.
    pub fn is_critical(self) -> bool {
        matches!(self, Self::Postgres | Self::Mysql)
    }

    /// An address with another scheme than the lab's own, such as a driver's.
    pub(crate) fn rest_of_address(self, scheme: &str, with_login: bool) -> String {
        let name = self.name();
        let login = match self {
            Self::Redis => String::new(),
            _ if !with_login => String::new(),
            _ => format!("{{{name}.user}}:{{{name}.password}}@"),
        };
        format!("{scheme}://{login}{{{name}.host}}:{{{name}.port}}/{{{name}.name}}")
    }
}

/// Something that the service needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub kind: Kind,
    /// Its address as the driver wants it spelt, with placeholders.
    pub address: String,
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
    ("package.json", "\"mysql2\"", Kind::Mysql),
    ("package.json", "\"mysql\"", Kind::Mysql),
    ("package.json", "\"mariadb\"", Kind::Mysql),
    ("requirements.txt", "pymysql", Kind::Mysql),
    ("requirements.txt", "mysqlclient", Kind::Mysql),
    ("requirements.txt", "aiomysql", Kind::Mysql),
    ("requirements.txt", "asyncmy", Kind::Mysql),
    ("requirements.txt", "mysql-connector-python", Kind::Mysql),
    ("pyproject.toml", "pymysql", Kind::Mysql),
    ("pyproject.toml", "mysqlclient", Kind::Mysql),
    ("pyproject.toml", "aiomysql", Kind::Mysql),
    ("pyproject.toml", "asyncmy", Kind::Mysql),
    ("go.mod", "go-sql-driver/mysql", Kind::Mysql),
    ("go.mod", "gorm.io/driver/mysql", Kind::Mysql),
    ("pom.xml", "mysql-connector", Kind::Mysql),
    ("pom.xml", "mariadb-java-client", Kind::Mysql),
    ("build.gradle", "mysql-connector", Kind::Mysql),
    ("build.gradle", "mariadb-java-client", Kind::Mysql),
    ("build.gradle.kts", "mysql-connector", Kind::Mysql),
    ("build.gradle.kts", "mariadb-java-client", Kind::Mysql),
    ("Gemfile", "\"mysql2\"", Kind::Mysql),
    ("Gemfile", "'mysql2'", Kind::Mysql),
    ("Gemfile", "\"trilogy\"", Kind::Mysql),
    ("Gemfile", "'trilogy'", Kind::Mysql),
    ("composer.json", "ext-pdo_mysql", Kind::Mysql),
    ("composer.json", "ext-mysqli", Kind::Mysql),
];

/// Clients of what the lab cannot start: the list, the name, what it is.
const OTHERS: &[(&str, &str, &str)] = &[
    ("package.json", "\"mongodb\"", "MongoDB"),
    ("package.json", "\"mongoose\"", "MongoDB"),
    ("package.json", "\"amqplib\"", "RabbitMQ"),
    ("package.json", "\"kafkajs\"", "Kafka"),
    ("requirements.txt", "pymongo", "MongoDB"),
    ("requirements.txt", "motor", "MongoDB"),
    ("requirements.txt", "celery", "a Celery broker"),
    ("go.mod", "mongo-driver", "MongoDB"),
    ("go.mod", "segmentio/kafka-go", "Kafka"),
    ("pom.xml", "spring-boot-starter-data-mongodb", "MongoDB"),
    ("pom.xml", "spring-kafka", "Kafka"),
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
    compose: Option<&Compose>,
) -> (Vec<Dependency>, Vec<Sourced<String>>) {
    let mut found: Vec<Dependency> = Vec::new();
    let mut add = |kind: Kind, from: String| {
        if !found.iter().any(|known| known.kind == kind) {
            let address = spelling::of(repository, start, kind);
            found.push(Dependency { kind, address, from });
        }
    };
    for (list, name, kind) in CLIENTS {
        let stands = repository.text(list).is_some_and(|text| declares(list, &text, name));
        if stands {
            add(*kind, format!("{} in {list}", name.trim_matches(['"', '\''])));
        }
    }
    for (kind, from) in of_orm(repository) {
        add(kind, from.to_owned());
    }
    if let Some((name, from)) = mail_host(repository) {
        add(Kind::Smtp, format!("{name}, which {from} reads"));
    }
    if let Some((name, from)) = object_store(repository) {
        add(Kind::S3, format!("{name}, which {from} reads"));
    }
    let mut unknown: Vec<Sourced<String>> = Vec::new();
    for neighbour in compose.iter().flat_map(|compose| compose.neighbours()) {
        let from = format!("{} in {}", neighbour.host, compose.map_or("", |one| &one.path));
        match neighbour.what {
            Ok(kind) => add(kind, from),
            Err(image) => unknown.push(Sourced::new(image, from)),
        }
    }
    for (list, name, what) in OTHERS {
        let stands = repository.text(list).is_some_and(|text| declares(list, &text, name));
        let is_known = |known: &Sourced<String>| known.value.eq_ignore_ascii_case(what);
        if stands && !unknown.iter().any(is_known) {
            let from = format!("{} in {list}", name.trim_matches('"'));
            unknown.push(Sourced::new((*what).to_owned(), from));
        }
    }
    (found, unknown)
}

/// An ORM names its database elsewhere than in a list of drivers.
fn of_orm(repository: &Repository) -> Vec<(Kind, &'static str)> {
    let prisma = repository.text("prisma/schema.prisma").unwrap_or_default();
    let cargo = repository.text("Cargo.toml").unwrap_or_default();
    let rust = cargo.contains("sqlx") || cargo.contains("diesel") || cargo.contains("sea-orm");
    let all = [
        (prisma.contains("\"postgresql\""), Kind::Postgres, "the provider in prisma/schema.prisma"),
        (prisma.contains("\"mysql\""), Kind::Mysql, "the provider in prisma/schema.prisma"),
        (rust && cargo.contains("postgres"), Kind::Postgres, "the feature postgres in Cargo.toml"),
        (rust && cargo.contains("mysql"), Kind::Mysql, "the feature mysql in Cargo.toml"),
    ];
    all.into_iter().filter(|(is, ..)| *is).map(|(_, kind, from)| (kind, from)).collect()
}

/// The variable with the endpoint of an object store, where one is read and the lab can start one.
fn object_store(repository: &Repository) -> Option<(String, String)> {
    let startable = ["s3s-fs", "moto_server"].iter().any(|name| on_path(name));
    let names = crate::variables::names(repository);
    names.into_iter().find(|(name, _)| {
        let of_store = ["S3", "MINIO", "AWS_ENDPOINT"].iter().any(|word| name.contains(word));
        startable && of_store && name.contains("ENDPOINT")
    })
}

/// The variable with a mail server's host, where one is read.
fn mail_host(repository: &Repository) -> Option<(String, String)> {
    let names = crate::variables::names(repository);
    names.into_iter().find(|(name, _)| {
        let words: Vec<&str> = name.split('_').collect();
        let of_mail = ["SMTP", "MAIL", "EMAIL", "MAILER"].iter().any(|word| words.contains(word));
        of_mail && ["HOST", "SERVER", "URL", "DSN"].iter().any(|word| words.contains(word))
    })
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
