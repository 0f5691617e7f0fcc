//! A Compose file: what the service is given there, and what stands beside it. Of values only the
//! shape is taken: which of its neighbours an address names, and how it is spelt.

use regex_lite::Regex;
use serde_json::{Map, Value};

use crate::dependencies::Kind;
use crate::repository::Repository;

const FILES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// A Compose file that names this repository's own service.
#[derive(Debug)]
pub(crate) struct Compose {
    pub(crate) path: String,
    services: Map<String, Value>,
}

/// Something beside the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Neighbour {
    /// Its name in the file, which is the name of its host, too.
    pub(crate) host: String,
    /// What the lab can start in its place, or the image's name where it cannot.
    pub(crate) what: Result<Kind, String>,
}

/// A variable that the file gives to the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) name: String,
    /// With placeholders for what the lab starts; `None` where the value names no neighbour.
    pub(crate) value: Option<String>,
}

impl Compose {
    pub(crate) fn read(repository: &Repository) -> Option<Self> {
        let path = repository.first(&FILES)?;
        let file: Value = serde_saphyr::from_str(&repository.text(&path)?).ok()?;
        let services = file.get("services")?.as_object()?.clone();
        Some(Self { path, services })
    }

    /// The services that are built from folders of this repository: their names and folders.
    pub(crate) fn built(&self) -> Vec<(&str, String)> {
        let built = self.services.iter().filter_map(|(name, service)| {
            let build = service.get("build")?;
            let context = build.as_str().or_else(|| build.get("context")?.as_str()).unwrap_or(".");
            let folder = context.trim_start_matches("./").trim_end_matches('/');
            let folder = if folder == "." { "" } else { folder };
            Some((name.as_str(), folder.to_owned()))
        });
        built.collect()
    }

    /// The service that is built from this folder; of several, one that publishes a port: the others
    /// are workers.
    fn own(&self) -> Option<&Value> {
        let here: Vec<&Value> = self
            .built()
            .into_iter()
            .filter(|(_, folder)| folder.is_empty())
            .filter_map(|(name, _)| self.services.get(name))
            .collect();
        let open = here.iter().find(|service| service.get("ports").is_some());
        open.or(here.first()).copied()
    }

    /// What the service needs beside it: what it is said to depend on, or all that has an image.
    pub(crate) fn neighbours(&self) -> Vec<Neighbour> {
        let named = self.own().map(|service| names(service.get("depends_on"))).unwrap_or_default();
        let all = self.services.iter();
        let needed = all.filter(|(name, _)| named.is_empty() || named.contains(name));
        needed
            .filter_map(|(name, service)| {
                let what = of_image(service.get("image")?.as_str()?);
                Some(Neighbour { host: name.clone(), what })
            })
            .collect()
    }

    /// The variables of the service.
    pub(crate) fn variables(&self) -> Vec<Given> {
        let Some(environment) = self.own().and_then(|service| service.get("environment")) else {
            return Vec::new();
        };
        let neighbours = self.neighbours();
        let given = |name: &str, value: &str| {
            let value = neighbours.iter().find_map(|one| in_place_of(one, value));
            Given { name: name.to_owned(), value }
        };
        match environment {
            Value::Object(all) => all
                .iter()
                .map(|(name, value)| given(name, value.as_str().unwrap_or_default()))
                .collect(),
            Value::Array(all) => all
                .iter()
                .filter_map(Value::as_str)
                .map(|line| line.split_once('=').unwrap_or((line, "")))
                .map(|(name, value)| given(name, value))
                .collect(),
            _ => Vec::new(),
        }
    }
}

/// Names in either form of a list: `[a, b]` or `{a: …, b: …}`.
fn names(list: Option<&Value>) -> Vec<String> {
    match list {
        Some(Value::Array(all)) => {
            all.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(Value::Object(all)) => all.keys().cloned().collect(),
        _ => Vec::new(),
    }
}

/// What an image is: `docker.io/library/postgres:16-alpine`.
fn of_image(image: &str) -> Result<Kind, String> {
    let name = image.split('@').next().unwrap_or(image);
    let name = name.rsplit('/').next().unwrap_or(name).split(':').next().unwrap_or(name);
    let is = |words: &[&str]| words.contains(&name);
    match () {
        () if is(&["postgres", "postgresql", "postgis", "timescaledb", "pgvector"]) => {
            Ok(Kind::Postgres)
        }
        () if is(&["mysql", "mariadb", "percona"]) => Ok(Kind::Mysql),
        () if is(&["redis", "valkey", "keydb", "dragonfly", "redis-stack-server"]) => {
            Ok(Kind::Redis)
        }
        () if is(&["mailpit", "mailhog", "mailcatcher", "maildev", "smtp4dev"]) => Ok(Kind::Smtp),
        () => Err(name.to_owned()),
    }
}

/// A value that names this neighbour, with the lab's own in its place.
fn in_place_of(neighbour: &Neighbour, value: &str) -> Option<String> {
    let kind = neighbour.what.as_ref().ok()?;
    let (host, name) = (&neighbour.host, kind.name());
    if value == host {
        return Some(format!("{{{name}.host}}"));
    }
    if value.strip_prefix(host.as_str()).is_some_and(|rest| rest.starts_with(':')) {
        return Some(format!("{{{name}.host}}:{{{name}.port}}"));
    }
    let address = Regex::new(r"^(jdbc:)?([a-z][a-z0-9+.-]*)://(?:[^@/]*@)?([^:/?]+)").ok()?;
    let parts = address.captures(value).filter(|parts| &parts[3] == host)?;
    let query = how_to_speak(value);
    Some(match parts.get(1) {
        Some(_) => format!("jdbc:{}{query}", kind.rest_of_address(&parts[2], false)),
        None => format!("{}{query}", kind.rest_of_address(&parts[2], true)),
    })
}

/// Settings of drivers that say how to speak; any other part of a query may be a secret.
const SPEECH: [&str; 9] = [
    "sslmode",
    "ssl",
    "useSSL",
    "schema",
    "currentSchema",
    "charset",
    "parseTime",
    "serverTimezone",
    "allowPublicKeyRetrieval",
];

/// The query of an address, as far as it says how to speak.
fn how_to_speak(address: &str) -> String {
    let query = address.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let is_kept = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        SPEECH.contains(&name) && !value.contains('$')
    };
    let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
services:
  web:
    build: .
    ports: ["8080:3000"]
    depends_on: { db: { condition: service_healthy }, cache: {} }
    environment:
      DATABASE_URL: postgresql+asyncpg://app:${PASSWORD}@db:5432/shop?ssl=disable&token=hidden
      REDIS_HOST: cache
      LOG_LEVEL: info
      SPRING_URL: jdbc:postgresql://db/shop
  worker:
    build: { context: . }
    command: celery worker
  db: { image: "docker.io/postgis/postgis:16-3.4" }
  cache: { image: redis:7-alpine }
  unrelated: { image: grafana/grafana }
"#;

    fn compose(text: &str) -> Compose {
        let file: Value = serde_saphyr::from_str(text).expect("it is YAML");
        let services = file["services"].as_object().expect("it has some").clone();
        Compose { path: "compose.yaml".to_owned(), services }
    }

    #[test]
    fn what_it_depends_on_is_beside_it() {
        let found = compose(FILE).neighbours();
        let kinds: Vec<_> = found.iter().map(|one| (one.host.as_str(), one.what.clone())).collect();
        assert_eq!(kinds.len(), 2, "{kinds:?}");
        assert!(kinds.contains(&("db", Ok(Kind::Postgres))));
        assert!(kinds.contains(&("cache", Ok(Kind::Redis))));
    }

    #[test]
    fn an_address_keeps_its_spelling_and_loses_its_values() {
        let given = compose(FILE).variables();
        let value = |name: &str| {
            let found = given.iter().find(|one| one.name == name);
            found.unwrap_or_else(|| panic!("{name} is not in {given:?}")).value.clone()
        };
        assert_eq!(
            value("DATABASE_URL").as_deref(),
            Some(
                "postgresql+asyncpg://{database.user}:{database.password}@{database.host}:\
                 {database.port}/{database.name}?ssl=disable"
            )
        );
        assert_eq!(value("REDIS_HOST").as_deref(), Some("{cache.host}"));
        assert_eq!(value("LOG_LEVEL"), None);
        assert_eq!(
            value("SPRING_URL").as_deref(),
            Some("jdbc:postgresql://{database.host}:{database.port}/{database.name}")
        );
    }

    #[test]
    fn a_list_of_variables_is_read_as_well() {
        let text = "services:\n  a:\n    build: ./\n    environment:\n      - MAIL_HOST=post\n      - KEY\n  post: {image: axllent/mailpit}\n";
        let given = compose(text).variables();
        assert_eq!(given[0].value.as_deref(), Some("{mail.host}"));
        assert_eq!(given[1], Given { name: "KEY".to_owned(), value: None });
    }
}
