//! The commands of the migration tools that are there. They run against the lab only.

use crate::dependencies::{Dependency, Kind};
use crate::repository::Repository;
use crate::start::{Stack, Start, on_path, script_words};
use crate::{Sourced, python_interpreter};

/// Scripts of a package that bring a database up to date.
const SCRIPTS: [&str; 8] = [
    "db:migrate",
    "migrate",
    "migrate:deploy",
    "migration:run",
    "migrations:run",
    "migrate:up",
    "migrate:latest",
    "prisma:migrate",
];
/// Tools that such a script may start, each with the words of which one must follow it.
const TOOLS: &[(&str, &[&str])] = &[
    ("knex", &["migrate:latest", "migrate:up"]),
    ("sequelize", &["db:migrate"]),
    ("sequelize-cli", &["db:migrate"]),
    ("typeorm", &["migration:run", "schema:sync"]),
    ("typeorm-ts-node-commonjs", &["migration:run"]),
    ("prisma", &["deploy", "push"]),
    ("node-pg-migrate", &["up"]),
    ("db-migrate", &["up"]),
    ("drizzle-kit", &["migrate", "push"]),
    ("mikro-orm", &["migration:up"]),
];

pub(crate) fn find(
    repository: &Repository,
    start: &Start,
    dependencies: &[Dependency],
) -> Vec<Sourced<String>> {
    let has = |kind: Kind| dependencies.iter().any(|one| one.kind == kind);
    if start.stack == Stack::Python && repository.has("manage.py") {
        let python = python_interpreter(repository);
        return vec![Sourced::new(format!("{python} manage.py migrate --noinput"), "manage.py")];
    }
    if !has(Kind::Postgres) && !has(Kind::Mysql) {
        return Vec::new();
    }
    let address = &dependencies.iter().find(|one| one.kind.is_critical());
    let kind = address.map_or(Kind::Postgres, |one| one.kind);
    let found = match start.stack {
        Stack::Node => node(repository),
        Stack::Python => python(repository),
        Stack::Ruby => ruby(repository),
        _ => None,
    };
    found.or_else(|| plain_files(repository, kind)).into_iter().collect()
}

fn node(repository: &Repository) -> Option<Sourced<String>> {
    if let Some(found) = of_script(repository) {
        return Some(found);
    }
    let tool = |name: &str| repository.has(&format!("node_modules/.bin/{name}"));
    let prisma = repository.has("prisma/migrations") && tool("prisma");
    let knex = repository.first(&["knexfile.js", "knexfile.ts", "knexfile.cjs"]);
    let sequelize = repository.has(".sequelizerc") && tool("sequelize");
    let (command, from) = match () {
        () if prisma => ("prisma migrate deploy", "prisma/migrations".to_owned()),
        () if knex.is_some() && tool("knex") => ("knex migrate:latest", knex.unwrap_or_default()),
        () if sequelize => ("sequelize db:migrate", ".sequelizerc".to_owned()),
        () => return None,
    };
    Some(Sourced::new(format!("node_modules/.bin/{command}"), from))
}

/// A script of the package, where a known tool is all that it starts.
fn of_script(repository: &Repository) -> Option<Sourced<String>> {
    let package = repository.json("package.json")?;
    SCRIPTS.iter().find_map(|name| {
        let words = script_words(repository, &package, package["scripts"][name].as_str()?)?;
        let program = words.first()?.rsplit('/').next()?;
        let (_, next) = TOOLS.iter().find(|(tool, _)| *tool == program)?;
        words.iter().skip(1).find(|word| next.contains(&word.as_str()))?;
        Some(Sourced::new(shell_words::join(words), format!("package.json scripts.{name}")))
    })
}

fn python(repository: &Repository) -> Option<Sourced<String>> {
    let python = python_interpreter(repository);
    if repository.has("alembic.ini") {
        return Some(Sourced::new(format!("{python} -m alembic upgrade head"), "alembic.ini"));
    }
    // Flask-Migrate keeps its file within its folder.
    let flask = repository.has("migrations/alembic.ini");
    flask.then(|| Sourced::new(format!("{python} -m flask db upgrade"), "migrations/alembic.ini"))
}

fn ruby(repository: &Repository) -> Option<Sourced<String>> {
    let rails = repository.has("bin/rails");
    match repository.first(&["db/schema.rb", "db/structure.sql"]) {
        Some(schema) if rails => {
            Some(Sourced::new("ruby bin/rails db:schema:load".to_owned(), schema))
        }
        _ => None,
    }
}

/// Tools that read folders of SQL, where one is installed here.
fn plain_files(repository: &Repository, kind: Kind) -> Option<Sourced<String>> {
    let name = kind.name();
    let names = |folder: &str| repository.list(folder);
    let folder = ["migrations", "db/migrations", "sql/migrations", "database/migrations"]
        .into_iter()
        .find(|folder| names(folder).iter().any(|name| name.ends_with(".sql")))?;
    let ends = |end: &str| names(folder).iter().any(|name| name.ends_with(end));
    let holds = |mark: &str| {
        let mut files = names(folder).into_iter().filter(|name| name.ends_with(".sql"));
        files.any(|file| {
            repository.text(&format!("{folder}/{file}")).is_some_and(|text| text.contains(mark))
        })
    };
    let url = match kind {
        Kind::Mysql => kind.rest_of_address("mysql", true),
        _ => format!("{{{name}.url}}?sslmode=disable"),
    };
    let command = match () {
        () if holds("-- migrate:up") && on_path("dbmate") => {
            format!("dbmate --url '{url}' --migrations-dir {folder} --no-dump-schema up")
        }
        () if holds("-- +goose Up") && on_path("goose") => {
            let driver = if kind == Kind::Mysql { "mysql" } else { "postgres" };
            format!("goose -dir {folder} {driver} '{url}' up")
        }
        () if ends(".up.sql") && on_path("migrate") => {
            format!("migrate -path {folder} -database '{url}' up")
        }
        () if on_path("sqlx") && repository.has("Cargo.toml") => {
            format!("sqlx migrate run --source {folder} --database-url '{url}'")
        }
        () => return None,
    };
    Some(Sourced::new(command, folder))
}
