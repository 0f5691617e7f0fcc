//! From the manifest and what the lab provides to what exactly is started. Pure.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use settings::{Manifest, Port, Via, template};

/// One variable given another value, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    pub variable: String,
    pub value: Option<String>,
}

/// How a dependency is reached by one instance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Address {
    pub scheme: String,
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub name: String,
    /// Further settings of the driver, without the `?`; empty where there are none.
    pub query: String,
    /// The file with the certificate of its authority; empty where it speaks no TLS.
    pub ca: String,
}

impl Address {
    pub fn url(&self) -> String {
        let login = match (self.user.as_str(), self.password.as_str()) {
            ("", "") => String::new(),
            (user, password) => format!("{}:{}@", encoded(user), encoded(password)),
        };
        // An endpoint: keys and bucket are given apart.
        if self.scheme == "http" {
            return format!("http://{}:{}", self.host, self.port);
        }
        let query = self.with_query();
        format!("{}://{login}{}:{}/{}{query}", self.scheme, self.host, self.port, self.name)
    }

    /// As Java's drivers want it: user and password are given apart.
    fn jdbc_url(&self) -> String {
        let driver = match self.scheme.as_str() {
            "postgres" => "postgresql",
            other => other,
        };
        format!("jdbc:{driver}://{}:{}/{}{}", self.host, self.port, self.name, self.with_query())
    }

    fn with_query(&self) -> String {
        if self.query.is_empty() { String::new() } else { format!("?{}", self.query) }
    }

    fn part(&self, part: &str) -> Option<String> {
        Some(match part {
            "url" => self.url(),
            "postgresql_url" => Self { scheme: "postgresql".to_owned(), ..self.clone() }.url(),
            "jdbc_url" => self.jdbc_url(),
            "host" => self.host.clone(),
            "port" => self.port.to_string(),
            "user" => self.user.clone(),
            "password" => self.password.clone(),
            "name" => self.name.clone(),
            "ca" => self.ca.clone(),
            _ => return None,
        })
    }
}

/// A user or a password within an address (RFC 3986, 3.2.1).
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What the lab has at hand for one instance.
#[derive(Debug, Clone, Default)]
pub struct Provided {
    pub port: u16,
    pub ports: BTreeMap<String, u16>,
    pub scratch: String,
    pub folder: String,
    pub dependencies: BTreeMap<String, Address>,
    /// Values that were made up for secrets without one.
    pub secrets: BTreeMap<String, String>,
    /// The addresses of stand-ins, by the variables that hold them.
    pub stand_ins: BTreeMap<String, String>,
    /// Variables given on the command line; they win over the manifest.
    pub extra: BTreeMap<String, String>,
}

/// What is started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recipe {
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    pub files: BTreeMap<String, String>,
    /// Every variable's value, however it is passed.
    pub values: BTreeMap<String, String>,
}

/// Fills everything in.
pub fn resolve(manifest: &Manifest, provided: &Provided, mutations: &[Mutation]) -> Recipe {
    let values = values(manifest, provided, mutations);
    let lookup = |name: &str| lookup(manifest, provided, &values, name);
    let service = &manifest.service;
    let absent = |text: &str| {
        template::names(text).any(|name| {
            name.strip_prefix("environment.").is_some_and(|variable| !values.contains_key(variable))
        })
    };
    let argv = service.start.0.iter().filter(|word| !absent(word));
    let argv = argv.map(|word| template::fill(word, lookup)).collect();
    let files = service.files.iter().map(|(path, content)| {
        let kept = content.split_inclusive('\n').filter(|line| !absent(line));
        (path.clone(), kept.map(|line| template::fill(line, lookup)).collect())
    });
    let by_template = |name: &str| {
        manifest.environment.get(name).is_some_and(|variable| variable.via == Via::Template)
    };
    let env = values.iter().filter(|(name, _)| !by_template(name));
    Recipe {
        argv,
        files: files.collect(),
        env: env.map(|(name, value)| (name.clone(), value.clone())).collect(),
        values: values.clone(),
    }
}

/// Fills in a command of the manifest other than the start.
pub fn fill_command(
    manifest: &Manifest,
    provided: &Provided,
    command: &settings::Command,
) -> Vec<String> {
    let values = values(manifest, provided, &[]);
    let lookup = |name: &str| lookup(manifest, provided, &values, name);
    command.0.iter().map(|word| template::fill(word, lookup)).collect()
}

fn values(
    manifest: &Manifest,
    provided: &Provided,
    mutations: &[Mutation],
) -> BTreeMap<String, String> {
    let none = BTreeMap::new();
    let mut values = BTreeMap::new();
    for (name, variable) in &manifest.environment {
        let text = provided.extra.get(name).or(variable.value.as_ref());
        let text = text.or_else(|| provided.secrets.get(name));
        if let Some(text) = text {
            let fill = |name: &str| lookup(manifest, provided, &none, name);
            values.insert(name.clone(), template::fill(text, fill));
        }
    }
    if let Some(Port::Env(name)) = &manifest.service.port {
        values.entry(name.clone()).or_insert_with(|| provided.port.to_string());
    }
    // Whatever the manifest says of a third party's address: in the lab a stand-in takes its place.
    for (name, url) in &provided.stand_ins {
        values.insert(name.clone(), url.clone());
    }
    for (name, value) in &provided.extra {
        values.entry(name.clone()).or_insert_with(|| value.clone());
    }
    for mutation in mutations {
        match &mutation.value {
            Some(value) => values.insert(mutation.variable.clone(), value.clone()),
            None => values.remove(&mutation.variable),
        };
    }
    values
}

fn lookup(
    manifest: &Manifest,
    provided: &Provided,
    values: &BTreeMap<String, String>,
    name: &str,
) -> Option<String> {
    let (head, tail) = name.split_once('.').unwrap_or((name, ""));
    match (head, tail) {
        ("port", "") => Some(provided.port.to_string()),
        ("port", port) => provided.ports.get(port).map(u16::to_string),
        ("host", "") => Some(manifest.service.host.clone()),
        ("scratch", "") => Some(provided.scratch.clone()),
        ("folder", "") => Some(provided.folder.clone()),
        ("environment", variable) => values.get(variable).cloned(),
        (dependency, part) => provided.dependencies.get(dependency)?.part(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
[service]
name = "a"
start = "a --port {port} --mode={environment.MODE} {host}"
port = { env = "PORT" }
[service.files]
"app.ini" = "[app]\nmode = {environment.MODE}\nbase = {scratch}/data\n"
[environment.MODE]
value = "fast"
via = "template"
[environment.DATABASE_URL]
value = "{db.url}"
[environment.KEY]
type = "secret"
[dependencies.db]
kind = "postgres"
"#;

    fn provided() -> Provided {
        let db = Address {
            scheme: "postgres".into(),
            host: "127.0.0.1".into(),
            port: 5,
            user: "u".into(),
            password: "p".into(),
            name: "d".into(),
            query: String::new(),
            ca: String::new(),
        };
        Provided {
            port: 80,
            scratch: "/s".into(),
            dependencies: [("db".to_owned(), db)].into(),
            secrets: [("KEY".to_owned(), "made-up".to_owned())].into(),
            extra: [("EXTRA".to_owned(), "1".to_owned())].into(),
            ..Provided::default()
        }
    }

    fn manifest() -> Manifest {
        settings::parse(MANIFEST).expect("it is good").manifest
    }

    #[test]
    fn everything_is_filled_in() {
        let recipe = resolve(&manifest(), &provided(), &[]);
        assert_eq!(recipe.argv, ["a", "--port", "80", "--mode=fast", "127.0.0.1"]);
        assert_eq!(recipe.files["app.ini"], "[app]\nmode = fast\nbase = /s/data\n");
        let names: Vec<_> = recipe.env.keys().map(String::as_str).collect();
        assert_eq!(names, ["DATABASE_URL", "EXTRA", "KEY", "PORT"]);
        assert_eq!(recipe.env["DATABASE_URL"], "postgres://u:p@127.0.0.1:5/d");
    }

    #[test]
    fn an_address_is_spelt_as_the_driver_wants_it() {
        let db = &provided().dependencies["db"];
        let part = |name: &str| db.part(name).expect("it has one");
        assert_eq!(part("postgresql_url"), "postgresql://u:p@127.0.0.1:5/d");
        assert_eq!(part("jdbc_url"), "jdbc:postgresql://127.0.0.1:5/d");
    }

    #[test]
    fn a_stand_in_takes_the_place_of_a_third_party() {
        let mut provided = provided();
        provided.stand_ins.insert("DATABASE_URL".into(), "http://127.0.0.1:9".into());
        let recipe = resolve(&manifest(), &provided, &[]);
        assert_eq!(recipe.env["DATABASE_URL"], "http://127.0.0.1:9");
    }

    #[test]
    fn an_absent_variable_takes_its_word_and_its_line_along() {
        let mutation = Mutation { variable: "MODE".into(), value: None };
        let recipe = resolve(&manifest(), &provided(), &[mutation]);
        assert_eq!(recipe.argv, ["a", "--port", "80", "127.0.0.1"]);
        assert_eq!(recipe.files["app.ini"], "[app]\nbase = /s/data\n");
    }

    #[test]
    fn a_mutation_wins_over_everything() {
        let mutation = Mutation { variable: "PORT".into(), value: Some(String::new()) };
        assert_eq!(resolve(&manifest(), &provided(), &[mutation]).env["PORT"], "");
        let mutation = Mutation { variable: "EXTRA".into(), value: None };
        let recipe = resolve(&manifest(), &provided(), &[mutation]);
        assert!(!recipe.env.contains_key("EXTRA"));
    }
}
